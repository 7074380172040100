#!/usr/bin/env bash
# Does what the last stage of cmake/docker/Dockerfile says, without Docker, in a new Debian root folder:
#
#   tests/installers/container.sh PACKAGES         as root, with debootstrap
#
#   PACKAGES    the folder of the Debian packages, build/deb/packages
set -euo pipefail
packages=$(realpath "${1:?expected the folder of the packages}")
source_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
root=$(mktemp -d)
trap 'rm -rf --one-file-system "$root"' EXIT

debootstrap --variant=minbase bookworm "$root" "${MIRROR:-http://deb.debian.org/debian}" >"$root.log" 2>&1 ||
    { tail "$root.log"; exit 1; }
rm "$root.log"
cp /etc/resolv.conf "$root/etc/resolv.conf"
mkdir "$root/packages" "$root/data"
cp "$packages"/*.deb "$root/packages"
cp "$source_dir"/examples/data/beans/0*.{jpg,png} "$root/data"

# The instructions after the last FROM: of RUN the command without its mounts, and who it is for.
last=$(sed -n '/^FROM/h; /^FROM/!H; ${x; p}' "$source_dir/cmake/docker/Dockerfile" | sed -e ':a; /\\$/ { N; s/\\\n//; ba }')
run=$(sed -n 's/^RUN *\(--mount=[^ ]* *\)*//p' <<<"$last")
user=$(sed -n 's/^USER //p' <<<"$last")
entry=$(sed -n 's/^ENTRYPOINT \["\(.*\)"\]/\1/p' <<<"$last")
in_root() {
    unshare --mount bash -c 'mount --rbind /dev "$0/dev" && mount --rbind /proc "$0/proc" && exec chroot "$@"' "$root" "$@"
}
in_root "$root" sh -ec "export DEBIAN_FRONTEND=noninteractive; $run" >"$root/tmp/log" 2>&1 || { tail -30 "$root/tmp/log"; exit 1; }
rm -r "$root/packages"
echo "the container's files: $(du -sm --exclude=dev --exclude=proc "$root" | cut -f1) MB"
chown "$(stat -c %u "$root/home/$user")" "$root/data"
in_root --userspec="$user" "$root" sh -ec "cd /data && $entry segment --support 00.jpg --mask 00.png 01.jpg -o out && ls -l out"
