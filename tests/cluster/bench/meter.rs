//! What a process has used, by /proc: CPU since the last reading, memory now and at most.

use std::time::Duration;

use anyhow::{Context, Result};

/// The meter of one process.
pub(super) struct Meter {
    process: u32,
    cpu: Duration,
}

/// One reading.
pub(super) struct Used {
    /// Since the reading before.
    pub cpu: Duration,
    /// Bytes.
    pub resident: u64,
    pub peak: u64,
}

impl Meter {
    pub(super) fn of(process: u32) -> Self {
        Meter {
            process,
            cpu: Duration::ZERO,
        }
    }

    pub(super) fn read(&mut self) -> Result<Used> {
        let stat = self.file("stat")?;
        let status = self.file("status")?;
        let total = cpu(&stat).context("/proc/PID/stat is not as expected")?;
        let since = total.saturating_sub(self.cpu);
        self.cpu = total;
        let memory = |label| bytes(&status, label).context("/proc/PID/status is not as expected");
        Ok(Used {
            cpu: since,
            resident: memory("VmRSS:")?,
            peak: memory("VmHWM:")?,
        })
    }

    fn file(&self, name: &str) -> Result<String> {
        let path = format!("/proc/{}/{name}", self.process);
        std::fs::read_to_string(&path)
            .with_context(|| format!("could not read {path}: it has ended, or this is no Linux"))
    }
}

/// User and system time, in ticks of 10 ms. The name of the program, in parentheses, may hold anything.
fn cpu(stat: &str) -> Option<Duration> {
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at)?.parse::<u64>().ok();
    Some(Duration::from_millis(10 * (ticks(11)? + ticks(12)?)))
}

fn bytes(status: &str, label: &str) -> Option<u64> {
    let rest = status.lines().find_map(|line| line.strip_prefix(label))?;
    let kib: u64 = rest.split_whitespace().next()?.parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_proc_are_read() {
        let stat = "7 (a) b) S 1 1 1 0 -1 4194304 100 0 0 0 31 11 0 0 20 0 3";
        assert_eq!(cpu(stat), Some(Duration::from_millis(420)));
        assert_eq!(bytes("VmHWM:\t    2 kB\nVmRSS:\t    1 kB\n", "VmRSS:"), Some(1024));
    }
}
