# shellcheck shell=bash disable=SC2154,SC2034 # variables are set and used across the parts
# SPDX-License-Identifier: Apache-2.0
#
# Part of bench.sh: the runtimes that are compared, their bundles, containers and processes, and bare QEMU.
#
# A runtime is an array with its command. moat starts from a template, cold does not, spare has a VM that waits; tuned and
# tuned_cold are moat and cold with our own kernel; small has a memory that changes. Each has a state root and, if it is
# moat, a configuration file of its name.

MOATS=(moat cold spare tuned tuned_cold microvm small disk fake)
RUNTIMES=("${MOATS[@]}" runc crun)
for name in "${MOATS[@]}"; do
	declare -n runtime=$name
	runtime=("$build/release/moat" --config "$work/$name.toml" --root "$state/$name")
	declare +n runtime
done
# shellcheck disable=SC2034 # used by name
runc=(runc --root "$state/runc")
# shellcheck disable=SC2034
crun=(crun --root "$state/crun")

# configure RUNTIME IMAGE TEMPLATE [KEY=VALUE...]: IMAGE: directory of kernel and initramfs. Keys of hypervisor.qemu.
configure()
{
	local name=$1 image=$2 template=$3
	shift 3

	{
		printf '[hypervisor.qemu]\nkernel = "%s/vmlinux"\ninitrd = "%s/initramfs.cpio"\n' "$image" "$image"
		[ $# = 0 ] || printf '%s\n' "$@"
		printf '[agent.moat]\nboot_timeout = %d\n[factory]\nenable_template = %s\n' "${boot_timeout:-60}" "$template"
	} >"$work/$name.toml"
}

# bundle NAME FILTER: the busybox root file system with the configuration changed by a jq filter. Its cgroup is its own:
# the default is the id, which several runtimes use at a time.
bundle()
{
	mkdir -p "$work/$1"
	jq --arg root "$work/true/rootfs" --arg cgroup "${BENCH_CGROUP:-}/${work##*/}-$1" \
		".ociVersion = \"1.0.2\" | .root.path = \$root | .linux.cgroupsPath = \$cgroup | $2" \
		"$work/true/config.json" >"$work/json"
	mv "$work/json" "$work/$1/config.json"
}

make_bundles()
{
	local name

	for name in "${RUNTIMES[@]}"; do
		mkdir -p "$state/$name"
	done
	MOAT=${moat[0]} guest/mkbundle.sh "$work/true" /bin/true
	cp "$tools/guest" "$work/true/rootfs/bin/bench-guest"
	bundle true .
	bundle busybox '.process.args = ["sh", "-c", "ls / | wc -l"]'
	# A process namespace with a path is the guest's own: shows the agent.
	bundle plain '.process.args = ["sleep", "1000000"] |
		.linux.namespaces |= map(if .type == "pid" then .path = "/proc/1/ns/pid" else . end)'
	printf '[runtime]\nhypervisor = "fake"\n' >"$work/fake.toml"
	configure moat "$stock_image" true
	configure cold "$stock_image" false
	configure spare "$stock_image" $'true\nvm_cache_number = 1'
	configure microvm "$stock_image" false 'machine_type = "microvm"'
	[ -z "$tuned_image" ] || configure tuned "$tuned_image" true
	[ -z "$tuned_image" ] || configure tuned_cold "$tuned_image" false
}

# sleeper RUNTIME ID: the bundle RUNTIME-ID of a container that does nothing
sleeper()
{
	bundle "$1-$2" '.process.args = ["sleep", "1000000"]'
}

# start RUNTIME ID [BUNDLE]: in the background. crun does not start anything on a host with both cgroup versions,
# unless it does not see the second.
start()
{
	local -n runtime=$1
	local name=${3:-$1-$2} command

	[ -e "$work/$name/config.json" ] || sleeper "$1" "$2"
	command=("${runtime[@]}" run --detach --bundle "$work/$name" "$2")

	if [ "$1" = crun ] && [ -d /sys/fs/cgroup/unified ]; then
		# shellcheck disable=SC2016 # for the inner shell
		command=(unshare --mount sh -c 'umount /sys/fs/cgroup/unified && exec "$@"' sh "${command[@]}")
	fi
	"${command[@]}" </dev/null >"$work/out.$2" 2>&1 || die "$1 does not start a container: $(tail -n 3 "$work/out.$2")"
}

stop()
{
	local -n runtime=$1
	"${runtime[@]}" delete --force "$2" >/dev/null 2>&1 || die "$1 does not delete $2"
}

# template RUNTIME: makes it, and sees to it that it is used
template()
{
	local -n runtime=$1

	[ ! -e "$work/$1.template" ] || return 0
	"${runtime[@]}" template create >/dev/null || die "$1: no template"
	start "$1" first
	tr '\0' '\n' <"/proc/$(qemu_of "$1" first)/cmdline" | grep -qx -e -incoming || die "$1 does not start from its template"
	stop "$1" first
	touch "$work/$1.template"
}

# ---- processes ----

# json_of RUNTIME ID FILTER
json_of()
{
	jq -r "$3" "$state/$1/$2/state.json"
}

# qemu_of RUNTIME ID: the pid of the container's QEMU, the monitor's child of that name.
qemu_of()
{
	local pid

	while read -r pid; do
		if [[ $(cat "/proc/$pid/comm") == qemu* ]]; then
			echo "$pid"
			return
		fi
	done < <(children "$(json_of "$1" "$2" .monitor.pid)")
	die "container $2 has no QEMU"
}

# Every process below PID
descendants()
{
	local pid

	while read -r pid; do
		echo "$pid"
		descendants "$pid"
	done < <(children "$1")
}

# ---- bare QEMU ----

# inspect RUNTIME: the command line of its QEMU, which boots, and what identifies the machine
inspect()
{
	local i

	start "$1" inspect
	mapfile -d '' -t qemu_argv <"/proc/$(qemu_of "$1" inspect)/cmdline"
	stop "$1" inspect
	for ((i = 0; i < ${#qemu_argv[@]}; i++)); do
		case ${qemu_argv[i]} in
		-machine) machine=${qemu_argv[i + 1]%%,*} ;;
		-accel) accelerator=${qemu_argv[i + 1]%%,*} ;;
		-m) memory=${qemu_argv[i + 1]} ;;
		esac
	done
	# Nothing but guest.c as /init
	[ -e "$work/bare.cpio" ] || guest/mkinitramfs.sh --agent "$tools/guest" "$work/bare.cpio"
}

# bare_qemu IMAGE ARG... : sets bare=() to the inspected command line without moat's devices, control and sandbox,
# with IMAGE's kernel and with ARG... for guest.c; devices=() to the same with the devices that need no other end.
bare_qemu()
{
	local argv i append='' image=$1
	shift

	argv=("${qemu_argv[@]}")
	bare=("${argv[0]}") devices=()
	for ((i = 1; i < ${#argv[@]}; i++)); do
		case ${argv[i]} in
		-S) ;;
		-name | -sandbox | -chardev | -mon) i=$((i + 1)) ;;
		-device)
			[[ ${argv[i + 1]} == virtserialport* ]] || devices+=(-device "${argv[i + 1]}")
			i=$((i + 1))
			;;
		-serial | -kernel | -initrd) i=$((i + 1)) ;;
		-append) append=${argv[i += 1]} ;;
		*) bare+=("${argv[i]}") ;;
		esac
	done
	bare+=(-serial null -kernel "$image/vmlinux" -initrd "$work/bare.cpio" -append "$append -- $*")
}

# plain_qemu IMAGE ARG...: sets plain=() to QEMU as one starts it by hand: nothing left out of the machine, QEMU's own
# firmware, and only the kernel parameters without which a boot is not reliable or does not end
plain_qemu()
{
	local image=$1 tsc
	shift

	tsc=$(grep -o 'tsc_early_khz=[0-9]*' <<<"${qemu_argv[*]}" || :)
	# shellcheck disable=SC2034 # used by the sections
	plain=("${qemu_argv[0]}" -nodefaults -no-user-config -no-reboot -display none -machine "$machine"
		-accel "$accelerator" -cpu "$([ "$accelerator" = kvm ] && echo host || echo max)" -m "$memory" -serial null
		-kernel "$image/vmlinux" -initrd "$work/bare.cpio" -append
		"console=ttyS0 quiet reboot=t panic=-1 tsc=reliable no_timer_check random.trust_cpu=on $tsc -- $*")
}
