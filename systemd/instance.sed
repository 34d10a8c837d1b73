# SPDX-License-Identifier: MIT
# Generates echod@.service from echod.service: the same service, with a socket unit, a runtime
# directory and its sockets per instance.
2,4c\
# One of several echo daemons that share a port. Generated from echod.service. All instances read\
# /etc/echod/echod.toml; limits.max_connections applies to each. An instance whose socket unit is\
# active serves its sockets, see echod@.socket; the others listen on listen.port together.\
#   systemctl disable --now echod.service\
#   systemctl enable --now echod@0.service echod@1.service\
# State of all instances: echod --status
s|^Description=.*|&, instance %i|
/^#/!s|echod\.socket|echod@%i.socket|
s|^ExecStart=.*|& --control /run/echod-%i/control.sock|
s|^ExecReload=.*|& --control /run/echod-%i/control.sock|
s|^RuntimeDirectory=.*|&-%i|
/^ExecStart=/i\
# Without echod@%i.socket the instances share the port of the configuration (SO_REUSEPORT).\
Environment=ECHOD_INSTANCE=%i
/^\[Service\]/a\
# If instances are named after cores, a drop-in binds each to its core:\
#   [Service]\
#   CPUAffinity=%i
