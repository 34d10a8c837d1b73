# SPDX-License-Identifier: MIT
# Completion of echoload for fish.

complete -c echoload -f
complete -c echoload -s h -l help -d 'Print a summary of the options'
complete -c echoload -l version -d 'Print the version'
complete -c echoload -s c -l connections -x -d 'Connections open at the same time [50]'
complete -c echoload -s d -l duration -x -d 'How long to measure [10s]'
complete -c echoload -s n -l messages -x -d 'Messages to measure in all'
complete -c echoload -s p -l pipeline -x -d 'Messages in flight on a connection [1]'
complete -c echoload -l sizes -x -a 'uniform:0-1016 fixed: list: edges' -d 'Sizes of payloads'
complete -c echoload -l seed -x -d 'Where types, sizes and payloads come from [random]'
complete -c echoload -l timeout -x -d 'How long to wait for an echo or a connection [10s]'
complete -c echoload -l connect-rate -x -d 'New connections a second'
complete -c echoload -l warmup -x -d 'How long to exchange messages before measuring [0s]'
complete -c echoload -l format -x -a 'text json' -d 'Of the result [text]'
complete -c echoload -s o -l output -r -F -d 'Write the result to a file'
complete -c echoload -l timeseries -r -F -d 'Write a line of JSON for each interval to a file'
complete -c echoload -l hdr -r -F -d 'Write the latency in the text form of HdrHistogram'
complete -c echoload -l interval -x -d 'How often to tell how it goes [1s]'
complete -c echoload -s q -l quiet -d 'Say nothing while it runs, and no text result'
complete -c echoload -l slo -x -a 'p50= p90= p99= p99.9= mean= max=' -d 'Limit of a latency'
complete -c echoload -l max-error-rate -x -d 'Limit of failed messages and connections, in %'
complete -c echoload -n __fish_is_first_arg -a 'merge' -d 'Make one result of several'
complete -c echoload -n __fish_is_first_arg -a 'compare' -d 'Show how two results differ'
complete -c echoload -n '__fish_seen_subcommand_from merge compare' -F
complete -c echoload -a '(__fish_print_hostnames):' -d 'Host, and a port to follow'
complete -c echoload -a 'unix:' -d 'A unix socket, and a path to follow'
