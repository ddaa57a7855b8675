//! What is measured, and how it is told.

/// Processor time a process has used, in microseconds (Linux: ticks of 10 ms).
pub(crate) fn processor_time(pid: u32) -> f64 {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else {
        return f64::NAN;
    };
    let after_name = stat.rsplit(')').next().unwrap();
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    let ticks = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
    ticks * 10_000.0
}

pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Events per second, and the processor time of the server and of the other process, in
/// microseconds per event.
pub(crate) type Figure = (f64, [f64; 2]);

pub(crate) fn heading(what: &str, other: &str) {
    println!(
        "{what:>24} {:>16} {:>10} {:>8} {:>8} {:>10}  (CPU us per event)",
        "kind", "events/s", "to raw", "nats", other
    );
}

/// Tells the medians over all rounds; the ratio is to what is named beside it.
pub(crate) fn tell(what: &str, kind: &str, own: &[Figure], base: &[Figure]) {
    let rate = median(own.iter().map(|figure| figure.0));
    let ratios = own.iter().zip(base).map(|(own, base)| own.0 / base.0);
    let used = [0, 1].map(|at| median(own.iter().map(|figure| figure.1[at])));
    println!(
        "{what:>24} {kind:>16} {rate:>10.0} {:>8.2} {:>8.1} {:>10.1}",
        median(ratios),
        used[0],
        used[1]
    );
}
