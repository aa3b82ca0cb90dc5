//! Which loopback address answers for a virtual pod address: the only way to reach a simulated pod.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, PoisonError, RwLock};

/// A shared table from (pod IP, container port) to 127.0.0.1:port; clones see the same table.
#[derive(Clone, Debug, Default)]
pub struct DialTable {
    entries: Arc<RwLock<BTreeMap<(Ipv4Addr, u16), SocketAddr>>>,
}

impl DialTable {
    /// Where to connect for `port` of the pod at `ip`. None: nothing listens there, as a refused connection says.
    pub fn dial(&self, ip: IpAddr, port: u16) -> Option<SocketAddr> {
        let IpAddr::V4(ip) = ip else { return None };
        self.entries
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&(ip, port))
            .copied()
    }

    /// All entries in order: for a Prometheus that discovers targets by file or HTTP.
    pub fn entries(&self) -> Vec<(Ipv4Addr, u16, SocketAddr)> {
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        entries.iter().map(|((ip, port), at)| (*ip, *port, *at)).collect()
    }

    pub(crate) fn open(&self, ip: Ipv4Addr, port: u16, at: SocketAddr) {
        self.entries
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert((ip, port), at);
    }

    pub(crate) fn close(&self, ip: Ipv4Addr) {
        self.entries
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|(of, _), _| *of != ip);
    }
}
