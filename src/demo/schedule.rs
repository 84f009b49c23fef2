//! What happens when, decided before the run: orders, their faults and every id, as pure functions of the seed.

use super::company::{Company, Fault, FaultKind};
use siphasher::sip128::{Hasher128, SipHasher13};
use std::hash::Hasher;
use std::time::Duration;

/// Pizzas on the menu, with their price in cents.
const MENU: [(&str, u32); 5] =
    [("margherita", 1190), ("funghi", 1340), ("marinara", 1090), ("verdure", 1420), ("diavola", 1480)];

/// Customers who order; few enough that many come back.
const CUSTOMERS: u64 = 200;

/// One order, as it will be placed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Its number, from 0.
    pub number: u64,
    /// When it is placed, from the start of the run.
    pub at: Duration,
    /// Who orders.
    pub customer: u64,
    /// What.
    pub pizza: &'static str,
    /// How many.
    pub count: u32,
    /// Price of the whole order in cents.
    pub cents: u32,
}

/// The plan of a run. The same seed gives the same orders, faults and ids; threads keep their own time.
#[derive(Debug, Clone)]
pub struct Schedule {
    seed: u64,
    orders_per_second: f64,
    poisons: Vec<(u64, usize)>,
    /// Fault and the upper end of its share of the draw, ascending.
    shares: Vec<(f64, usize)>,
}

impl Schedule {
    /// The plan of `company` under `seed`.
    pub fn new(company: &Company, seed: u64) -> Self {
        let mut shares = Vec::new();
        let mut upper = 0.0;
        for (index, fault) in company.faults.iter().enumerate().filter(|(_, fault)| fault.rate > 0.0) {
            upper += fault.rate;
            shares.push((upper, index));
        }
        let poisons = company.faults.iter().enumerate().filter(|(_, fault)| fault.kind == FaultKind::Poison);
        let poisons = poisons.filter_map(|(index, fault)| fault.at_order.map(|order| (order, index))).collect();
        Self { seed, orders_per_second: company.orders_per_second, poisons, shares }
    }

    /// Order `number`.
    pub fn order(&self, number: u64) -> Order {
        let mut draw = fastrand::Rng::with_seed(self.mix(number, "order") as u64);
        let (pizza, price) = MENU[draw.usize(..MENU.len())];
        let count = draw.u32(1..=4);
        let place_in_slot = draw.f64();
        Order {
            number,
            at: Duration::from_secs_f64((number as f64 + place_in_slot) / self.orders_per_second),
            customer: draw.u64(..CUSTOMERS),
            pizza,
            count,
            cents: count * price,
        }
    }

    /// The fault that strikes order `number`, as its place in the list of faults. At most one does, so that every injected
    /// failure has one class and what can be known of it is certain.
    pub fn fault(&self, number: u64) -> Option<usize> {
        if let Some((_, poison)) = self.poisons.iter().find(|(order, _)| *order == number) {
            return Some(*poison);
        }
        let draw = fastrand::Rng::with_seed(self.mix(number, "fault") as u64).f64();
        self.shares.iter().find(|(upper, _)| draw < *upper).map(|(_, index)| *index)
    }

    /// The fault that strikes order `number`, when it strikes `service` at `event`.
    pub fn strikes<'a>(&self, company: &'a Company, number: u64, service: &str, event: &str) -> Option<&'a Fault> {
        let fault = company.faults.get(self.fault(number)?)?;
        (fault.service == service && fault.event.as_deref() == Some(event)).then_some(fault)
    }

    /// How long `service` works on `event` of order `number`, within `[least, most]` ms.
    pub fn delay(&self, number: u64, event: &str, [least, most]: [u64; 2]) -> Duration {
        let mut draw = fastrand::Rng::with_seed(self.mix(number, event) as u64 ^ 0x64_65_6c_61_79);
        Duration::from_millis(draw.u64(least..=most))
    }

    /// Id of the event of type `event` in order `number`, written as a UUID of version 8 (RFC 9562: custom).
    pub fn event_id(&self, number: u64, event: &str) -> String {
        let bits = self.mix(number, event) & !(0xf << 76) & !(0b11 << 62) | 8 << 76 | 0b10 << 62;
        let hex = format!("{bits:032x}");
        format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
    }

    /// Trace id of order `number`; never zero, which W3C forbids.
    pub fn trace_id(&self, number: u64) -> u128 {
        self.mix(number, "trace").max(1)
    }

    /// Trace id that a consumer begins when it hears an event without one.
    pub fn new_trace_id(&self, number: u64, event: &str) -> u128 {
        self.mix(number, &format!("trace {event}")).max(1)
    }

    /// Span id of the sender of `event`, try `attempt`; never zero.
    pub fn span_id(&self, number: u64, event: &str, attempt: i32) -> u64 {
        (self.mix(number, &format!("span {event} {attempt}")) as u64).max(1)
    }

    fn mix(&self, number: u64, label: &str) -> u128 {
        let mut hash = SipHasher13::new_with_keys(self.seed, number);
        hash.write(label.as_bytes());
        hash.finish128().as_u128()
    }
}

/// The business key of an order, which every record about it carries as its Kafka key.
pub fn order_key(number: u64) -> String {
    format!("order-{number:06}")
}

/// The order number behind a key.
pub fn order_number(key: &[u8]) -> Option<u64> {
    std::str::from_utf8(key).ok()?.strip_prefix("order-")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(seed: u64) -> (Company, Schedule) {
        let company = Company::shipped().unwrap();
        let schedule = Schedule::new(&company, seed);
        (company, schedule)
    }

    #[test]
    fn the_same_seed_gives_the_same_orders_faults_and_ids() {
        let ((_, a), (_, b), (_, other)) = (plan(7), plan(7), plan(8));
        let story = |s: &Schedule| -> Vec<_> {
            (0..500).map(|n| (s.order(n), s.fault(n), s.event_id(n, "order.placed"), s.trace_id(n))).collect()
        };
        assert_eq!(story(&a), story(&b));
        assert_ne!(story(&a), story(&other));
    }

    #[test]
    fn ids_are_uuids_and_never_repeat_within_a_run() {
        let (_, schedule) = plan(1);
        let mut seen = std::collections::HashSet::new();
        for number in 0..2_000 {
            for event in ["order.placed", "payment.taken", "points.booked"] {
                let id = schedule.event_id(number, event);
                assert_eq!((id.len(), &id[14..15]), (36, "8"), "{id}");
                assert!("89ab".contains(&id[19..20]), "{id}");
                assert!(seen.insert(id));
            }
        }
    }

    #[test]
    fn faults_strike_at_their_rates() {
        let (company, schedule) = plan(3);
        let orders = 100_000;
        let mut struck = vec![0_u32; company.faults.len()];
        (0..orders).filter_map(|number| schedule.fault(number)).for_each(|fault| struck[fault] += 1);
        for (fault, times) in company.faults.iter().zip(struck) {
            let share = f64::from(times) / orders as f64;
            assert!((share - fault.rate).abs() < 0.003, "{}: {share}", fault.class);
        }
        let poison = company.faults.iter().position(|fault| fault.kind == FaultKind::Poison);
        assert_eq!(schedule.fault(90), poison);
    }

    #[test]
    fn orders_come_at_the_rate_of_the_company_and_in_order() {
        let (company, schedule) = plan(5);
        assert!((0..1_000).all(|n| schedule.order(n).at < schedule.order(n + 1).at));
        let last = schedule.order(1_000).at.as_secs_f64();
        assert!((last * company.orders_per_second - 1_000.0).abs() <= 1.0, "{last}");
    }

    #[test]
    fn keys_and_numbers_translate_both_ways() {
        assert_eq!(order_number(order_key(4711).as_bytes()), Some(4711));
        assert_eq!(order_number(b"invoice-1"), None);
    }
}
