# SPDX-License-Identifier: MIT
# Completion of echod for fish.

complete -c echod -f
complete -c echod -s h -l help -d 'Print a summary of the options'
complete -c echod -l version -d 'Print the version'
complete -c echod -l config -r -F -d 'Read the configuration from a file'
complete -c echod -l check-config -d 'Check the configuration'
complete -c echod -l print-config -d 'Print the configuration as TOML'
complete -c echod -l control -r -F -d 'Serve or use this control socket'
complete -c echod -l reload -d 'Make the daemon reload its configuration'
complete -c echod -l status -d 'Print the state of the daemon as text'
complete -c echod -l watch -d 'With --status: print it again every second'
complete -c echod -l stats -x -a 'json openmetrics prometheus' -d 'Print the state of the daemon as data'
