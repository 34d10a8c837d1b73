# SPDX-License-Identifier: MIT
# Makes echod@.service out of echod.service: the same service, with a socket unit, a runtime
# directory and a control socket for each instance.
2,4c\
# One of several echo daemons that share a port, see echod@.socket: made from echod.service. All read\
# /etc/echod/echod.toml; limits.max_connections is each one's own. Ask one of them:\
#   echod --status --control /run/echod-INSTANCE/control.sock
s|^Description=.*|&, instance %i|
/^#/!s|echod\.socket|echod@%i.socket|
s|^ExecStart=.*|& --control /run/echod-%i/control.sock|
s|^ExecReload=.*|& --control /run/echod-%i/control.sock|
s|^RuntimeDirectory=.*|&-%i|
/^\[Service\]/a\
# Where instances are named by the number of a core, a drop-in keeps each on its own:\
#   [Service]\
#   CPUAffinity=%i
