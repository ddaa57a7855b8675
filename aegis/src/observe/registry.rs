//! Where metrics are kept while the program runs: in memory, and bounded.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Instant;

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};

use super::distribution::Distribution;
use super::names::SERIES_LEFT_OUT;

/// Series that are kept at most, and histograms among them, each of which takes 4 KiB.
const MOST_SERIES: usize = 10_000;
const MOST_HISTOGRAMS: usize = 1_000;

static REGISTRY: OnceLock<Registry> = OnceLock::new();

/// One series.
#[derive(Clone)]
pub(super) enum Cell {
    Counter(Arc<AtomicU64>),
    /// A double, as its bits.
    Gauge(Arc<AtomicU64>),
    Histogram(Arc<Distribution>),
}

/// All series of the program.
pub(super) struct Registry {
    cells: RwLock<BTreeMap<Key, Cell>>,
    pub(super) since: Instant,
    left_out: Arc<AtomicU64>,
    is_full: AtomicBool,
}

/// Keeps what the `metrics` facade is told, for [`metrics`](crate::metrics) and `/metrics`.
///
/// A program installs it by itself when it connects, unless another recorder is installed or the
/// setting `metrics` is off. To have both, a fan-out of `metrics-util` takes this one beside another.
///
/// ```
/// use metrics::Recorder as _;
///
/// let ours = aegis::observe::Keeper::new();
/// ours.describe_counter("orders_total".into(), None, "Orders taken".into());
/// ```
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct Keeper;

impl Keeper {
    /// The one of this program: all of them keep the same series.
    pub fn new() -> Self {
        let _ = registry();
        Self
    }
}

pub(super) fn registry() -> &'static Registry {
    REGISTRY.get_or_init(Registry::new)
}

/// Keeps metrics from now on, unless the program has another recorder.
pub(crate) fn keep_metrics() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        if metrics::set_global_recorder(Keeper::new()).is_err() {
            tracing::debug!("the program records its metrics by itself");
        }
    });
}

impl Registry {
    fn new() -> Self {
        let left_out = Arc::new(AtomicU64::new(0));
        let key = Key::from_static_name(SERIES_LEFT_OUT);
        let first = BTreeMap::from([(key, Cell::Counter(left_out.clone()))]);
        Self {
            cells: RwLock::new(first),
            since: Instant::now(),
            left_out,
            is_full: AtomicBool::new(false),
        }
    }

    /// All series, in the order of their names.
    pub(super) fn cells(&self) -> Vec<(Key, Cell)> {
        let cells = self.cells.read().unwrap_or_else(PoisonError::into_inner);
        let cells = cells.iter();
        cells
            .map(|(key, cell)| (key.clone(), cell.clone()))
            .collect()
    }

    fn cell(&self, key: &Key, make: impl FnOnce() -> Cell) -> Option<Cell> {
        let cells = self.cells.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(cell) = cells.get(key) {
            return Some(cell.clone());
        }
        drop(cells);
        let new = make();
        let mut cells = self.cells.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(cell) = cells.get(key) {
            return Some(cell.clone());
        }
        if has_room(&cells, &new) {
            cells.insert(key.clone(), new.clone());
            return Some(new);
        }
        drop(cells);
        self.left_out.fetch_add(1, Ordering::Relaxed);
        if !self.is_full.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                metric = key.name(),
                "there are too many series: further ones are not kept; labels must have few values"
            );
        }
        None
    }
}

fn has_room(cells: &BTreeMap<Key, Cell>, new: &Cell) -> bool {
    let is_histogram = |cell: &Cell| matches!(cell, Cell::Histogram(_));
    let histograms = || cells.values().filter(|cell| is_histogram(cell)).count();
    cells.len() < MOST_SERIES && (!is_histogram(new) || histograms() < MOST_HISTOGRAMS)
}

impl Recorder for Keeper {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        match registry().cell(key, || Cell::Counter(Arc::default())) {
            Some(Cell::Counter(counter)) => Counter::from_arc(counter),
            // There is no room, or it is something else already.
            _ => Counter::noop(),
        }
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        match registry().cell(key, || Cell::Gauge(Arc::default())) {
            Some(Cell::Gauge(gauge)) => Gauge::from_arc(gauge),
            _ => Gauge::noop(),
        }
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        match registry().cell(key, || Cell::Histogram(Arc::new(Distribution::new()))) {
            Some(Cell::Histogram(histogram)) => Histogram::from_arc(histogram),
            _ => Histogram::noop(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_too_many_series_is_left_out_and_the_rest_goes_on() {
        let registry = Registry::new();
        let known = Key::from_name("known");
        let counter = || Cell::Counter(Arc::default());
        assert!(registry.cell(&known, counter).is_some());
        let kept = |n: usize, make: fn() -> Cell| {
            let key = Key::from_parts("flood", vec![metrics::Label::new("n", n.to_string())]);
            registry.cell(&key, make).is_some()
        };
        let histogram = || Cell::Histogram(Arc::new(Distribution::new()));
        let histograms = (0..2_000).filter(|n| kept(*n, histogram)).count();
        assert_eq!(histograms, MOST_HISTOGRAMS);
        let counters = (2_000..20_000).filter(|n| kept(*n, counter)).count();
        // Beside the one that was known, and that which counts what is left out.
        assert_eq!(histograms + counters + 2, MOST_SERIES);
        assert_eq!(
            registry.left_out.load(Ordering::Relaxed),
            1_000 + 18_000 - counters as u64
        );
        assert!(registry.cell(&known, counter).is_some());
    }
}
