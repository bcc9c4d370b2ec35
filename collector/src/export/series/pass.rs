//! One way through time with some lanes: slices are read, put in the order of time, and written as rows.

use std::collections::VecDeque;

use farol_store::{POINTS_MAX, QueryError};

use super::{Grid, Label, Lane};
use crate::{
    export::{
        CHUNK_BYTES, ExportError, SLICE_POINTS_MAX,
        format::{Cell, Sheet},
    },
    number::concise,
};

/// Longest slice of samples, in milliseconds: when there are none for long, it grows up to this.
const SLICE_MS_MAX: i64 = 7 * 86_400_000;

/// One way through time.
#[derive(Debug)]
pub(super) struct Pass {
    lanes: Vec<Lane>,
    grid: Option<Grid>,
    range: (i64, i64),
    is_wide: bool,
    is_compared: bool,
    /// Where the next slice begins.
    at_ms: i64,
    has_read: bool,
    /// Length of the next slice.
    slice_ms: i64,
    /// Points of the slice in the order of time: time, label, value.
    read: VecDeque<(i64, usize, f64)>,
    /// The newest point of each label.
    before: Vec<Option<(i64, f64)>>,
}

impl Pass {
    pub(super) fn new(lanes: Vec<Lane>, grid: Option<Grid>, range: (i64, i64), is_wide: bool, is_compared: bool) -> Self {
        let first_ms = lanes.iter().map(|lane| lane.extent.0).min().unwrap_or(range.1);
        let last_ms = lanes.iter().map(|lane| lane.extent.1).max().unwrap_or(range.0);
        let back_ms = grid.filter(|_| is_compared).map_or(0, |grid| grid.step_ms);
        let mut at_ms = range.0.max(first_ms) - back_ms;
        let mut end_ms = range.1.min(last_ms);
        if let Some(grid) = grid {
            (at_ms, end_ms) = (grid.start(at_ms), grid.end(end_ms));
        }
        let labels = lanes.iter().map(|lane| lane.labels().len()).sum();
        let mut pass = Self {
            lanes,
            grid,
            range: (range.0, end_ms),
            is_wide,
            is_compared,
            at_ms,
            has_read: false,
            slice_ms: 0,
            read: VecDeque::new(),
            before: vec![None; labels],
        };
        pass.slice_ms = pass.first_slice_ms();
        pass
    }

    /// Samples that one series may have in a slice.
    fn room(&self) -> u32 {
        let weight: usize = self.lanes.iter().map(Lane::weight).sum();
        u32::try_from(SLICE_POINTS_MAX / weight.max(1)).unwrap_or(u32::MAX).clamp(1, POINTS_MAX)
    }

    fn first_slice_ms(&self) -> i64 {
        let room = i64::from(self.room());
        match self.grid {
            Some(grid) => (room / grid.parts()).max(1) * grid.step_ms,
            None => {
                let interval_ms = self.lanes.iter().map(|lane| lane.interval_ms).min().unwrap_or(1_000);
                // A little less than fits: samples are not taken to the millisecond.
                (room * interval_ms * 9 / 10).clamp(1, SLICE_MS_MAX)
            }
        }
    }

    /// Writes some rows; reads a slice when there are none. Answers whether there is more.
    pub(super) fn next(&mut self, sheet: &mut Sheet, out: &mut Vec<u8>) -> Result<bool, ExportError> {
        if self.read.is_empty() {
            if self.at_ms >= self.range.1 {
                return Ok(false);
            }
            self.read()?;
        }
        if self.is_wide {
            self.write_wide(sheet, out)
        } else {
            self.write_long(sheet, out)
        }
        Ok(!self.read.is_empty() || self.at_ms < self.range.1)
    }

    /// Reads the next slice; a shorter one when there is too much in it.
    fn read(&mut self) -> Result<(), ExportError> {
        let room = self.room();
        loop {
            let slice = (self.at_ms, self.at_ms.saturating_add(self.slice_ms).min(self.range.1));
            match self.columns(slice, room) {
                Ok(most) => {
                    (self.at_ms, self.has_read) = (slice.1, true);
                    if self.grid.is_none() && most < usize::try_from(room / 4).unwrap_or(0) {
                        self.slice_ms = self.slice_ms.saturating_mul(2).min(SLICE_MS_MAX);
                    }
                    return Ok(());
                }
                Err(QueryError::TooManyPoints { .. }) if self.grid.is_none() && slice.1 - slice.0 > 1 => {
                    self.slice_ms = (slice.1 - slice.0) / 2;
                    self.read.clear();
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Reads all lanes over a slice, and tells the most points that a label has in it.
    fn columns(&mut self, slice: (i64, i64), room: u32) -> Result<usize, QueryError> {
        let mut all: Vec<(i64, usize, f64)> = Vec::new();
        let (mut base, mut most) = (0, 0);
        let is_first = !self.has_read;
        for lane in &mut self.lanes {
            // A lane of figures goes on where it stopped; the others have nothing outside their extent.
            for (index, points) in lane.read(self.grid, slice, room)?.into_iter().enumerate() {
                most = most.max(points.len());
                // Where only coarser steps are kept, one begins before the slice: the slice before has told it.
                let own = points.into_iter().filter(|(time_ms, _)| is_first || *time_ms >= slice.0);
                all.extend(own.map(|(time_ms, value)| (time_ms, base + index, value)));
            }
            base += lane.labels().len();
        }
        all.sort_unstable_by_key(|(time_ms, label, _)| (*time_ms, *label));
        self.read = all.into();
        Ok(most)
    }

    fn write_long(&mut self, sheet: &mut Sheet, out: &mut Vec<u8>) {
        let is_raw = self.grid.is_none();
        while out.len() < CHUNK_BYTES
            && let Some((time_ms, index, value)) = self.read.pop_front()
        {
            let value = if is_raw { value } else { concise(value) };
            let before = self.before.get_mut(index).and_then(|before| before.replace((time_ms, value)));
            if time_ms < self.range.0 && self.is_compared {
                continue;
            }
            let Some(label) = label(&self.lanes, index) else { continue };
            let resource = &label.resource;
            let mut cells = [Cell::Empty; 10];
            cells[..8].copy_from_slice(&[
                Cell::Time(time_ms),
                Cell::text(Some(&resource.key)),
                Cell::text(Some(&resource.name)),
                Cell::text(resource.tenant.as_deref()),
                Cell::Text(&label.metric),
                Cell::Pairs(&label.attributes),
                Cell::Text(&label.unit),
                Cell::Number(value),
            ]);
            if !self.is_compared {
                sheet.row(out, &cells[..8]);
                continue;
            }
            let step_ms = self.grid.map_or(0, |grid| grid.step_ms);
            let previous = before.filter(|(before_ms, _)| time_ms - before_ms == step_ms).map(|(_, value)| value);
            let change =
                previous.filter(|previous| *previous != 0.0).map(|previous| concise((value - previous) / previous.abs()));
            cells[8..].copy_from_slice(&[Cell::number(previous), Cell::number(change)]);
            sheet.row(out, &cells);
        }
    }

    fn write_wide(&mut self, sheet: &mut Sheet, out: &mut Vec<u8>) {
        let is_raw = self.grid.is_none();
        let mut cells = vec![Cell::Empty; self.before.len() + 1];
        while out.len() < CHUNK_BYTES
            && let Some(&(row_ms, ..)) = self.read.front()
        {
            cells.fill(Cell::Empty);
            cells[0] = Cell::Time(row_ms);
            while let Some((_, index, value)) = self.read.pop_front_if(|(time_ms, ..)| *time_ms == row_ms) {
                cells[index + 1] = Cell::Number(if is_raw { value } else { concise(value) });
            }
            sheet.row(out, &cells);
        }
    }
}

/// What the points of a number are.
fn label(lanes: &[Lane], mut index: usize) -> Option<&Label> {
    for lane in lanes {
        match lane.labels().get(index) {
            Some(label) => return Some(label),
            None => index -= lane.labels().len(),
        }
    }
    None
}
