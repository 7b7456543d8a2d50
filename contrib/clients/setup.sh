#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# setup.sh [--remove] [--root DIR] [--moat PATH] podman|docker|containerd|crio...
#
# Tells these programs about moat, by the files beside this script: docker's daemon.json and containerd's
# config.toml are added to, the others get a file of their own. Doing it twice changes nothing; --remove undoes it. DIR: where
# the system is whose /etc that is. Docker and containerd have to be restarted by you.
set -euo pipefail
export LC_ALL=C

here=$(dirname -- "$(readlink -f -- "$0")")
root='' moat='' remove=0
begin='# moat: begin, by contrib/clients/setup.sh' end='# moat: end'

die()
{
	echo "setup: $*" >&2
	exit 1
}

# snippet FILE: with moat's path
snippet()
{
	sed "s|@MOAT@|$moat|" "$here/$1"
}

# replace FILE: by standard input, as a whole; an empty one is removed
replace()
{
	local new
	mkdir -p "$(dirname -- "$1")"
	new=$(mktemp "$1.XXXXXX")
	cat >"$new"
	chmod 644 "$new"
	if [ -s "$new" ]; then
		mv -- "$new" "$1"
	else
		rm -f -- "$new" "$1"
	fi
}

# own_file FILE SNIPPET
own_file()
{
	local file=$root$1
	if ((remove)); then
		rm -f -- "$file"
	else
		snippet "$2" | replace "$file"
	fi
	echo "${file}"
}

docker_json()
{
	local file=$root/etc/docker/daemon.json old='{}'
	command -v jq >/dev/null || die "jq is needed to change $file"
	if [ -s "$file" ]; then
		old=$(jq . "$file") || die "$file is not JSON: nothing was changed"
	fi
	if ((remove)); then
		[ -e "$file" ] || return 0
		jq 'del(.runtimes.moat) | if .runtimes == {} then del(.runtimes) else . end' <<<"$old" | replace "$file"
	else
		jq --argjson moat "$(snippet docker.json)" '. * $moat' <<<"$old" | replace "$file"
	fi
	echo "$file (restart docker)"
}

containerd_toml()
{
	local file=$root/etc/containerd/config.toml old='' plugin='io.containerd.grpc.v1.cri'
	[ ! -e "$file" ] || old=$(sed "\|^$begin\$|,\|^$end\$|d" "$file")
	if ((remove)); then
		[ -e "$file" ] || return 0
		# One that only says its version is ours, too.
		[ "$old" != 'version = 2' ] || old=
		printf '%s' "${old:+$old$'\n'}" | replace "$file"
		echo "$file (restart containerd)"
		return
	fi
	[ -n "$old" ] || old='version = 2'
	! grep -qE '^\s*\[plugins\..*\.runtimes\.moat\]' <<<"$old" || die "$file has a runtime moat already"
	if grep -qE '^\s*version\s*=\s*3' <<<"$old"; then
		plugin=io.containerd.cri.v1.runtime
	elif ! grep -qE '^\s*version\s*=\s*2' <<<"$old"; then
		die "$file is of version 1: 'containerd config default' makes one of version 2"
	fi
	{
		printf '%s\n%s\n' "$old" "$begin"
		snippet containerd.toml | grep -v '^#' | sed "s|io.containerd.grpc.v1.cri|$plugin|"
		echo "$end"
	} | replace "$file"
	echo "$file (restart containerd)"
}

clients=()
while (($#)); do
	case $1 in
	--remove) remove=1 ;;
	--root) root=${2:?} && shift ;;
	--moat) moat=${2:?} && shift ;;
	podman | docker | containerd | crio) clients+=("$1") ;;
	*) die "usage: setup.sh [--remove] [--root DIR] [--moat PATH] podman|docker|containerd|crio..." ;;
	esac
	shift
done
((${#clients[@]})) || die "which of podman, docker, containerd, crio?"
[ -n "$moat" ] || moat=$(command -v moat) || ((remove)) || die "moat is not in PATH: give --moat PATH"
[[ $remove = 1 || $moat == /* ]] || die "--moat $moat: must be an absolute path"
for client in "${clients[@]}"; do
	case $client in
	podman) own_file /etc/containers/containers.conf.d/50-moat.conf podman.conf ;;
	crio) own_file /etc/crio/crio.conf.d/50-moat.conf crio.conf ;;
	docker) docker_json ;;
	containerd) containerd_toml ;;
	esac
done
