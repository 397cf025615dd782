#!/bin/sh
# The first process of the node, in namespaces of its own for mounts, processes and the network: all that runs here ends
# with it, and no mount reaches the machine. Arguments: the cluster's folder, the command to become.
set -eu
folder=$1
init=$2

# Volumes may ask for mounts to be passed on, which only shared ones are.
mount --make-rshared /

# What kubelet, containerd and Cilium keep at their usual places is the cluster's, not the machine's.
mkdir -p "$folder/node/var-lib" "$folder/node/var-log"
mount --bind "$folder/node/var-lib" /var/lib
mount --bind "$folder/node/var-log" /var/log
mount -t tmpfs -o mode=755 tmpfs /run
mount -t bpf bpf /sys/fs/bpf

# kubelet sets these for the whole machine unless they are as it wants them: it finds them so.
wanted=$folder/node/sysctl
mkdir -p "$wanted"
while read -r name value; do
  setting=/proc/sys/$(echo "$name" | tr . /)
  [ -e "$setting" ] || continue
  echo "$value" > "$wanted/$name"
  mount --bind "$wanted/$name" "$setting"
done <<'SYSCTLS'
kernel.keys.root_maxbytes 25000000
kernel.keys.root_maxkeys 1000000
kernel.panic 10
kernel.panic_on_oops 1
vm.overcommit_memory 1
vm.panic_on_oom 0
SYSCTLS

echo 1 > /proc/sys/net/ipv4/ip_forward
echo 0 > /proc/sys/net/ipv4/conf/all/rp_filter
echo 0 > /proc/sys/net/ipv4/conf/default/rp_filter

exec "$init"
