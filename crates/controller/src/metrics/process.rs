//! What the operating system says about this process. Nothing where it says nothing (only Linux has /proc).

use std::fs;

use super::text::Page;

/// Ticks of a second in /proc, on every Linux.
const TICKS: f64 = 100.0;

pub(super) fn write(page: &mut Page) {
    let mut gauge = |name, kind, help, value: Option<f64>| {
        if let Some(value) = value {
            page.family(name, kind, help);
            page.sample(name, &[], value);
        }
    };
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let host = fs::read_to_string("/proc/stat").unwrap_or_default();
    let cpu = ticks(&stat, 13)
        .zip(ticks(&stat, 14))
        .map(|(user, system)| user + system);
    let start = word(&host, "btime")
        .zip(ticks(&stat, 21))
        .map(|(boot, since)| boot + since);
    let open = fs::read_dir("/proc/self/fd").ok().map(|entries| entries.count() as f64);
    let (resident, size) = (word(&status, "VmRSS:"), word(&status, "VmSize:"));
    gauge("process_cpu_seconds_total", "counter", "Seconds of CPU time.", cpu);
    gauge("process_open_fds", "gauge", "Open file descriptors.", open);
    gauge(
        "process_max_fds",
        "gauge",
        "Most open file descriptors.",
        word(&limits, "Max open files"),
    );
    gauge(
        "process_resident_memory_bytes",
        "gauge",
        "Resident memory.",
        resident.map(|kib| kib * 1024.0),
    );
    gauge(
        "process_virtual_memory_bytes",
        "gauge",
        "Virtual memory.",
        size.map(|kib| kib * 1024.0),
    );
    gauge(
        "process_start_time_seconds",
        "gauge",
        "When the process began, in seconds since 1970.",
        start,
    );
}

/// A field of /proc/self/stat in seconds, counted from 0. The second one is a name that may hold anything.
fn ticks(stat: &str, field: usize) -> Option<f64> {
    let after = stat.rsplit_once(')')?.1;
    let ticks: f64 = after.split_whitespace().nth(field - 2)?.parse().ok()?;
    Some(ticks / TICKS)
}

/// The number after a label at the beginning of a line.
fn word(text: &str, label: &str) -> Option<f64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(label))?;
    rest.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_proc_are_found() {
        let stat = "12 (a) b) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20 0 1 0 700 1000 9";
        assert_eq!(ticks(stat, 13), Some(2.5));
        assert_eq!(ticks(stat, 14), Some(0.5));
        assert_eq!(ticks(stat, 21), Some(7.0));
        assert_eq!(word("VmSize:\t 10 kB\nVmRSS:\t  4 kB\n", "VmRSS:"), Some(4.0));
        assert_eq!(
            word("Max open files            1024   4096  files\n", "Max open files"),
            Some(1024.0)
        );
    }
}
