//! The company while it runs: every service on threads of its own, from opening to the last commit.

use super::Error;
use super::cluster::Cluster;
use super::company::Company;
use super::ledger::{Book, Ledger};
use super::outlet::Outlet;
use super::schedule::Schedule;
use super::service::{Floor, Worker, take_orders};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// A running company.
pub struct Running {
    floor: Arc<Floor>,
    readers: Vec<(Arc<str>, Vec<Arc<str>>)>,
    threads: Vec<JoinHandle<()>>,
}

impl Running {
    /// Opens the company on `cluster`: services join their groups, then orders come in.
    ///
    /// # Errors
    /// When a client cannot be set up or a thread cannot be started.
    pub fn open(company: Company, seed: u64, cluster: &Cluster) -> Result<Self, Error> {
        let schedule = Schedule::new(&company, seed);
        let floor = Arc::new(Floor {
            company,
            schedule,
            book: Arc::new(Book::default()),
            closing: AtomicBool::new(false),
            stop: AtomicBool::new(false),
        });
        let mut running = Self { floor: floor.clone(), readers: Vec::new(), threads: Vec::new() };
        for service in &floor.company.services {
            let outlet = Outlet::open(cluster.brokers(), service, &floor.book)?;
            let worker = Worker::hire(&floor, cluster.brokers(), service, &outlet)?;
            running.start(&service.name, move || worker.work())?;
            let topics = service.consumes.iter().map(|topic| topic.as_str().into()).collect();
            running.readers.push((service.group.as_str().into(), topics));
            if service.places.is_some() {
                let (floor, service) = (floor.clone(), service.clone());
                running.start("counter", move || take_orders(&floor, &service, &outlet))?;
            }
        }
        Ok(running)
    }

    /// The ledger in the making.
    pub fn book(&self) -> &Book {
        &self.floor.book
    }

    /// The plan.
    pub fn schedule(&self) -> &Schedule {
        &self.floor.schedule
    }

    /// The company.
    pub fn company(&self) -> &Company {
        &self.floor.company
    }

    /// Takes no more orders.
    pub fn last_orders(&self) {
        self.floor.closing.store(true, Ordering::Relaxed);
    }

    /// Waits until every event was reacted to and every record confirmed. False when `patience` ran out before.
    pub fn rest(&self, patience: Duration) -> bool {
        self.floor.book.rest(&self.readers, patience)
    }

    /// Sends everybody home and gives back the ledger. Groups have committed what they are done with.
    pub fn close(mut self) -> Ledger {
        self.send_home();
        self.floor.book.ledger()
    }

    fn start(&mut self, name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), Error> {
        let thread = std::thread::Builder::new().name(format!("demo-{name}"));
        self.threads.push(thread.spawn(work).map_err(Error::Thread)?);
        Ok(())
    }

    fn send_home(&mut self) {
        self.floor.closing.store(true, Ordering::Relaxed);
        self.floor.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a service of the demo died; please report this");
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.send_home();
    }
}
