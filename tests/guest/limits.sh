#!/bin/sh
# In the guest: containers with limits and burners inside, a collector and agents; writes the kernel's and Farol's figures.
#
# The results are lines: `kernel WHEN FILE LINE` for each line of a kernel's file, `api WHAT JSON` for each answer.
set -u
OUT=/dev/ttyS1
ID=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
OWN=bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb
ROOT=/sys/fs/cgroup
GROUP=$ROOT/docker/$ID
URL=http://127.0.0.1:8650

# Where a run is stands on the console, so that one that hangs says where.
step() { echo "guest: $* at $(cut -d' ' -f1 /proc/uptime) s"; }
fail() { echo "guest: $*"; tail -20 /tmp/*.log; exit 1; }
now() { echo "$(date +%s)000"; }
inside() { sh -c 'echo $$ >"$0/cgroup.procs"; exec "$@"' "$@"; }
api() { timeout 20 wget -q -O - --header "Authorization: Bearer $TOKEN" "$URL$1"; }
# wait_for SECONDS COMMAND...
wait_for() {
  left=$1; shift
  while ! "$@" >/dev/null 2>&1; do
    left=$((left - 1)); [ $left -gt 0 ] || fail "waited in vain for: $*"
    sleep 1
  done
}
kernel() {
  for file in cpu.stat cpu.max memory.current memory.max memory.stat memory.events pids.current pids.max cpu.pressure; do
    sed "s/^/kernel $1 $file /" "$GROUP/$file" >$OUT
  done
}

echo "+cpu +memory +io +pids" >$ROOT/cgroup.subtree_control || fail "controllers"
mkdir $ROOT/docker && echo "+cpu +memory +io +pids" >$ROOT/docker/cgroup.subtree_control || fail "controllers below"
mkdir "$GROUP" "$ROOT/docker/$OWN" || fail "groups"
echo "25000 100000" >"$GROUP/cpu.max"
echo 64M >"$GROUP/memory.max"
echo 32 >"$GROUP/pids.max"
# The limit of the group above is the tighter one, which an agent outside must find.
echo 512M >"$ROOT/docker/$OWN/memory.max"
echo "80000 100000" >"$ROOT/docker/$OWN/cpu.max"
echo 256M >$ROOT/docker/memory.max

step "starting the collector"
FAROL_ADMIN_PASSWORD=a-lighthouse-for-tests FAROL_AGENT_TOKEN=farol-test-agent-token-0123456789abcdef FAROL_SELF=false \
  FAROL_DATA_DIR=/tmp/data ./farol-collector serve >/tmp/collector.log 2>&1 &
wait_for 60 timeout 20 wget -q -O - $URL/health
step "signing in"
TOKEN=$(timeout 20 wget -q -O - --header 'Content-Type: application/json' \
  --post-data '{"username":"admin","password":"a-lighthouse-for-tests"}' $URL/api/auth/login | sed 's/.*"token":"\([^"]*\)".*/\1/')
[ -n "$TOKEN" ] || fail "no token"
step "starting the agents"
export FAROL_COLLECTOR_URL=$URL FAROL_TOKEN=farol-test-agent-token-0123456789abcdef
./farol-agent >/tmp/agent.log 2>&1 &
# As a runtime shows it: an own process namespace, and of the cgroup tree only the container's own group.
contained='mount -t proc proc /proc; mount --bind "$0" /sys/fs/cgroup; exec ./farol-agent'
inside "$ROOT/docker/$OWN" env FAROL_NAME=inside unshare -m -p -f sh -c "$contained" "$ROOT/docker/$OWN" >/tmp/agent-inside.log 2>&1 &

step "burning"
inside "$GROUP" ./burner cpu 3 2 || fail "the spinning burner ended badly"
inside "$GROUP" ./burner memory 128 1
[ $? = 137 ] || fail "a burner beyond its memory limit was not killed"
inside "$GROUP" ./burner memory 40 600 &
holds_enough() { [ "$(cat "$GROUP/memory.current")" -gt 41943040 ]; }
wait_for 60 holds_enough

step "reading"
kernel before
from=$(now)
has_points() { api "/api/v1/query?metric=$1&from=$(($from + 1000))&to=$(now)&aggregate=raw" | grep -q '"points":\[\['; }
wait_for 60 has_points container.memory.usage
wait_for 60 has_points container.cpu.time
step "asking"
to=$(now)
for metric in container.cpu.time container.cpu.limit container.cpu.throttling.periods container.cpu.throttling.throttled_periods \
  container.cpu.throttling.throttled_time container.memory.usage container.memory.rss container.memory.working_set \
  container.memory.limit container.memory.oom_kills container.pids.count container.pids.limit container.pressure.time; do
  echo "api $metric $(api "/api/v1/query?metric=$metric&from=$from&to=$to&aggregate=raw")" >$OUT
done
kernel after
echo "api resources $(api /api/v1/resources)" >$OUT
