# SPDX-License-Identifier: MIT
# Completion of echod-exporter for fish.

complete -c echod-exporter -f
complete -c echod-exporter -s h -l help -d 'Print a summary of the options'
complete -c echod-exporter -l version -d 'Print the version'
complete -c echod-exporter -l listen -x -a '127.0.0.1:9807' -d 'Serve this address and port'
complete -c echod-exporter -l instance -x -a 'echod echod@' -d 'Report this instance as down if it is not found'
complete -c echod-exporter -l directory -x -a '(__fish_complete_directories)' -d 'Find the instances in this directory'
