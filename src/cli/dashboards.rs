//! `dashboards export`: the Grafana boards and their provisioning, which the program carries.

use super::{args, output};
use anyhow::{Context, bail};
use std::fs;
use std::path::Path;
use std::process::ExitCode;

/// Where each file goes below the folder that was named, and what it holds.
const FILES: [(&str, &str); 6] = [
    ("overview.json", include_str!("../../dashboards/overview.json")),
    ("failures.json", include_str!("../../dashboards/failures.json")),
    ("business.json", include_str!("../../dashboards/business.json")),
    (
        "provisioning/datasources/headwater.yaml",
        include_str!("../../dashboards/provisioning/datasources/headwater.yaml"),
    ),
    ("provisioning/dashboards/headwater.yaml", include_str!("../../dashboards/provisioning/dashboards/headwater.yaml")),
    ("provisioning/alerting/headwater.yaml", include_str!("../../dashboards/provisioning/alerting/headwater.yaml")),
];

/// `headwater dashboards export DIR`: writes all files, or none where one of them was changed by somebody.
pub(super) fn run(args: &args::Dashboards) -> anyhow::Result<ExitCode> {
    let args::DashboardsCommand::Export(export) = &args.command;
    if !export.force {
        refuse_changed(&export.folder)?;
    }
    for (name, text) in FILES {
        let path = export.folder.join(name);
        let folder = path.parent().unwrap_or(&export.folder);
        fs::create_dir_all(folder)
            .with_context(|| format!("create {}; name a folder you may write", folder.display()))?;
        fs::write(&path, text).with_context(|| format!("write {}; name a folder you may write", path.display()))?;
    }
    output::print(&format!(
        "{} files in {folder}.\n\
         Import the .json files in Grafana, or provision: copy provisioning/ to Grafana's own folder of that name and \
         the .json\nfiles to /etc/grafana/dashboards/headwater, and start Grafana with HEADWATER_ADDRESS=host:port of \
         the door\nand HEADWATER_PASSWORD of the user grafana (`headwater user add grafana`).\n",
        FILES.len(),
        folder = export.folder.display(),
    ))?;
    Ok(ExitCode::SUCCESS)
}

fn refuse_changed(folder: &Path) -> anyhow::Result<()> {
    let changed = |name: &str, text: &str| fs::read(folder.join(name)).is_ok_and(|there| there != text.as_bytes());
    let names: Vec<&str> = FILES.iter().filter(|(name, text)| changed(name, text)).map(|(name, _)| *name).collect();
    if !names.is_empty() {
        bail!("{} holds other versions of {}; overwrite them with --force", folder.display(), names.join(", "));
    }
    Ok(())
}
