//! CPU time of this and other processes, as Linux counts it.

use std::collections::BTreeMap;
use std::process::Command;

/// User and system seconds of a process that runs, or has ended and was not waited for; all of its threads together.
pub fn of_process(id: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).expect("the process is there");
    ticks(&stat) / ticks_per_second()
}

/// Seconds on a CPU of this process's living threads, all together.
pub fn of_self() -> f64 {
    // The running thread's own time is brought up to date when it offers to yield, else only at each tick.
    std::thread::yield_now();
    of_threads(std::process::id()).values().sum::<f64>() / 1e6
}

/// Microseconds on a CPU of each living thread, by name; threads of one name are added up.
pub fn of_threads(id: u32) -> BTreeMap<String, f64> {
    let mut threads = BTreeMap::new();
    for task in std::fs::read_dir(format!("/proc/{id}/task")).into_iter().flatten().flatten() {
        let read = |file: &str| std::fs::read_to_string(task.path().join(file)).unwrap_or_default();
        let own = read("comm").trim_end().trim_end_matches(|c: char| c.is_ascii_digit() || c == '-').to_owned();
        // A thread that nobody names has the program's name: the first one, and those that libraries start.
        let is_first = task.file_name().to_str() == Some(&id.to_string());
        let name = match own.as_str() {
            _ if is_first => "main".to_owned(),
            "headwater" => "unnamed (DuckDB)".to_owned(),
            _ => own,
        };
        // Nanoseconds; finer than the ticks of `stat`, and absent from few kernels.
        let on_cpu = read("schedstat").split(' ').next().and_then(|ns| ns.parse::<f64>().ok()).map(|ns| ns / 1e3);
        let spent = on_cpu.unwrap_or_else(|| ticks(&read("stat")) / ticks_per_second() * 1e6);
        *threads.entry(name).or_insert(0.0) += spent;
    }
    threads
}

/// utime + stime of a line of `/proc/…/stat`. The name in it may hold anything, so counting begins behind it.
fn ticks(stat: &str) -> f64 {
    let behind = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
    behind.split(' ').skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum()
}

fn ticks_per_second() -> f64 {
    let answer = Command::new("getconf").arg("CLK_TCK").output().ok();
    answer.and_then(|a| String::from_utf8_lossy(&a.stdout).trim().parse().ok()).unwrap_or(100.0)
}
