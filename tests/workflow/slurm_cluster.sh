#!/usr/bin/env bash
# A real Slurm of one node, for tests: munge, slurmctld and slurmd from Debian's packages, as root and
# without systemd.
#
#   tests/workflow/slurm_cluster.sh start FOLDER
#   tests/workflow/slurm_cluster.sh stop FOLDER     ends the processes that `start` began, and no other
#
# State, sockets and logs lie in FOLDER. /etc/slurm/{slurm,gres}.conf link to it while the cluster
# is up: the executor plugin's jobs forget SLURM_CONF. A cluster that is configured there already is
# left alone; links that a killed test left, and of which nothing runs, are not.
# Needs: apt-get install --no-install-recommends slurmctld slurmd slurm-client munge
set -eEuo pipefail
action=${1:?start or stop}
folder=$(realpath -m "${2:?a folder for state, sockets and logs}")
wait_seconds=30
configured=(slurm.conf gres.conf)

start() {
  for program in munged slurmctld slurmd sbatch; do
    command -v "$program" > /dev/null || {
      echo "error: $program is not installed: apt-get install --no-install-recommends slurmctld" \
        "slurmd slurm-client munge" >&2
      exit 1
    }
  done
  for file in "${configured[@]}"; do
    is_left_over "/etc/slurm/$file" || [ ! -e "/etc/slurm/$file" ] || {
      echo "error: /etc/slurm/$file is there: this machine has a Slurm of its own. Test on another," \
        "or stop the cluster that left it: $0 stop FOLDER" >&2
      exit 1
    }
  done
  trap stop ERR # nothing half-started stays
  mkdir -p "$folder"/{munge,state,spool,log}
  # munged refuses to run as root, and to use what others may write to.
  chmod 755 "$folder" "$folder/munge"
  dd if=/dev/urandom of="$folder/munge/key" bs=128 count=1 status=none
  chmod 400 "$folder/munge/key"
  chown -R munge:munge "$folder/munge"
  configure
  ln -sf "${configured[@]/#/$folder/}" /etc/slurm/
  setpriv --reuid munge --regid munge --clear-groups munged --force \
    --key-file "$folder/munge/key" --socket "$folder/munge/socket" \
    --pid-file "$folder/munge/pid" --log-file "$folder/munge/log" --seed-file "$folder/munge/seed"
  slurmctld
  # The node sees the disks in a view of its own, so that a test can take a folder from it alone.
  unshare --mount --propagation private slurmd
  wait_until "the node is idle" node_is_idle
}

# Whether a file is a link that `start` made, to the folder of a cluster of which nothing runs any more.
is_left_over() {
  local folder daemon
  folder=$(dirname "$(readlink "$1")")
  [ -d "$folder/munge" ] && [ -d "$folder/spool" ] || return
  for daemon in slurmctld slurmd; do
    # The path of the program, for a process that waits to be reaped still has a name.
    [[ $(readlink "/proc/$(cat "$folder/$daemon.pid" 2> /dev/null)/exe") != */$daemon* ]] || return
  done
}

configure() {
  local node memory
  node=$(hostname -s)
  memory=$(($(sed -n 's/^MemTotal: *\([0-9]*\) kB/\1/p' /proc/meminfo) / 1024 - 512))
  cat > "$folder/slurm.conf" << END
ClusterName=test
SlurmctldHost=$node(127.0.0.1)
SlurmctldPort=${SLURMCTLD_PORT:-16817}
SlurmdPort=${SLURMD_PORT:-16818}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$folder/munge/socket
CredType=cred/munge
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/log/slurmctld.log
SlurmdLogFile=$folder/log/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=1
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/filetxt
JobCompLoc=$folder/log/completed.txt
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
MpiDefault=none
SwitchType=switch/none
ReturnToService=2
MinJobAge=3600
KillWait=20
OverTimeLimit=0
SchedulerParameters=batch_sched_delay=1,sched_interval=2,requeue_delay=1
GresTypes=gpu
NodeName=$node NodeAddr=127.0.0.1 CPUs=$(nproc) RealMemory=$memory Gres=gpu:1
PartitionName=debug Nodes=$node MaxTime=INFINITE State=UP
PartitionName=physics Nodes=$node AllowAccounts=physics State=UP
END
  printf 'AutoDetect=off\nName=gpu Count=1 File=/dev/null\n' > "$folder/gres.conf"
}

node_is_idle() { [ "$(sinfo --noheader --format %T 2> /dev/null)" = idle ]; }

wait_until() {
  for ((i = 0; i < wait_seconds * 5; i++)); do
    "$2" && return
    sleep 0.2
  done
  echo "error: after $wait_seconds seconds it is still not so that $1; see $folder/log" >&2
  tail -n 20 "$folder"/log/*.log >&2
  stop
  exit 1
}

stop() {
  local file pid
  for file in slurmd.pid slurmctld.pid munge/pid; do
    pid=$(cat "$folder/$file" 2> /dev/null) || continue
    kill "$pid" 2> /dev/null || continue
    timeout "$wait_seconds" tail --pid "$pid" -f /dev/null || kill -KILL "$pid"
  done
  for file in "${configured[@]}"; do
    [ "$(readlink "/etc/slurm/$file")" != "$folder/$file" ] || rm "/etc/slurm/$file"
  done
}

case $action in
  start) start ;;
  stop) stop ;;
  *)
    echo "error: $action is neither start nor stop" >&2
    exit 1
    ;;
esac
