#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# systemd.sh: becomes systemd, as PID 1 of the lab (lab.sh --systemd), with little more than the system bus and inside.sh as
# a service, after which the machine is switched off. Nothing of what the host has enabled is started.
set -eu
export PATH=/usr/sbin:/usr/bin:/sbin:/bin

here=$(cd -- "$(dirname -- "$0")" && pwd)
units=/run/systemd/system
mkdir -p "$units"

# unit NAME: from standard input, without what every unit waits for by default
unit()
{
	{ printf '[Unit]\nDefaultDependencies=no\n'; cat; } >"$units/$1"
}

unit lab.target <<'END'
Requires=lab.service
END
unit lab.service <<END
Wants=dbus.service
After=dbus.service
SuccessAction=poweroff-immediate
FailureAction=poweroff-immediate
[Service]
ExecStart="$here/inside.sh"
StandardInput=null
StandardOutput=null
StandardError=null
Delegate=yes
TasksMax=infinity
LimitNOFILE=1048576
END
unit dbus.socket <<'END'
[Socket]
ListenStream=/run/dbus/system_bus_socket
END
unit dbus.service <<'END'
Requires=dbus.socket
After=dbus.socket
[Service]
Type=notify
NotifyAccess=main
ExecStart=/usr/bin/dbus-daemon --system --address=systemd: --nofork --nopidfile --systemd-activation --syslog-only
ExecReload=/usr/bin/dbus-send --print-reply --system --type=method_call --dest=org.freedesktop.DBus / org.freedesktop.DBus.ReloadConfig
StandardOutput=null
StandardError=null
END
# Where the host's root is that of a container it takes itself for one in it, and its options from there.
options=()
for word in $(</proc/cmdline); do
	[[ $word != systemd.* ]] || options+=("$word")
done
exec /lib/systemd/systemd --system --unit=lab.target --log-target=kmsg --log-level=notice --show-status=no "${options[@]}"
