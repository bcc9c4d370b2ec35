//! Source `cgroup`: the agent's own container, or the one whose sidecar it is.

use farol_shared::catalog;

use super::{
    super::{
        Context, Opened, Place, ReadError, Source,
        kept::Buffer,
        process_stat,
        surroundings::{Uptime, age},
    },
    group::GroupReader,
    limits::Watch,
};
use crate::recorder::{Recorder, ResourceSlot, SeriesSlot};

#[derive(Debug)]
struct Own {
    resource: ResourceSlot,
    reader: GroupReader,
    buffer: Buffer,
    cpu_limit: SeriesSlot,
    memory_limit: SeriesSlot,
    limits: Watch,
    uptime: Option<(Uptime, f64, SeriesSlot)>,
}

pub(in super::super) fn open(context: &Context<'_>, recorder: &mut Recorder) -> Opened {
    let around = context.around;
    if around.place == Place::Host {
        return Ok(None);
    }
    if around.group.is_empty() {
        return around.no_group().map_or(Ok(None), Err);
    }
    let resource = context.own;
    let reader = GroupReader::open(&around.group, resource, context.roots, around.machine.ticks, true);
    let started = process_stat::started(context.roots, around.process(), around.machine.ticks);
    let uptime =
        started.map(|started| (Uptime::new(context.roots), started, recorder.series(resource, &catalog::CONTAINER_UPTIME, &[])));
    Ok(Some(Box::new(Own {
        resource,
        reader,
        buffer: Buffer::default(),
        cpu_limit: recorder.series(resource, &catalog::CONTAINER_CPU_LIMIT, &[]),
        memory_limit: recorder.series(resource, &catalog::CONTAINER_MEMORY_LIMIT, &[]),
        limits: Watch::new(around),
        uptime,
    })))
}

impl Source for Own {
    fn read(&mut self, recorder: &mut Recorder) -> Result<(), ReadError> {
        let read = self.reader.read(recorder, &mut self.buffer, false);
        let limits = self.limits.limits();
        limits.describe(recorder, self.resource);
        recorder.set(self.cpu_limit, limits.cpu.value);
        recorder.set(self.memory_limit, limits.memory.value);
        if let Some((uptime, started, slot)) = &mut self.uptime {
            let now = uptime.read(&mut self.buffer)?;
            recorder.set(*slot, age(now, *started));
        }
        read
    }
}
