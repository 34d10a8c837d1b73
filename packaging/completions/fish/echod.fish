# SPDX-License-Identifier: MIT
# Completion of echod for fish.

complete -c echod -f
complete -c echod -s h -l help -d 'Print a summary of the options'
complete -c echod -l version -d 'Print the version'
complete -c echod -l config -r -F -d 'Read the configuration from a file'
complete -c echod -l check-config -d 'Say whether the configuration is valid'
complete -c echod -l print-config -d 'Print the configuration as TOML'
complete -c echod -l control -r -F -d 'Serve, or ask, this control socket'
complete -c echod -l reload -d 'Have the daemon read its configuration again'
complete -c echod -l status -d 'Print the state of the daemon for a person'
complete -c echod -l stats -x -a 'json openmetrics' -d 'Print the state of the daemon for a program'
