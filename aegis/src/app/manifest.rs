//! What a program says of itself before it runs.

use super::builder::App;
use crate::error::Result;
use crate::model::{HandlerManifest, Manifest, ServiceManifest};
use crate::serve::manifest;

impl App {
    /// What this program serves, with the settings that its permissions depend on. It needs no
    /// connection: a program can print it and end, for `aegis permissions --manifest -`.
    ///
    /// ```no_run
    /// # use aegis::prelude::*;
    /// # struct Calculator;
    /// # #[aegis::service(name = "calculator", version = "1.0.0")]
    /// # impl Calculator {}
    /// #[aegis::main]
    /// async fn main(app: App) -> Result<()> {
    ///     let app = app.service(Calculator);
    ///     if std::env::args().any(|word| word == "--manifest") {
    ///         println!("{}", app.manifest()?);
    ///         return Ok(());
    ///     }
    ///     app.run().await
    /// }
    /// ```
    ///
    /// Errors: `Lifecycle` if handlers are lost in linking or two of them have one name, `Config` for
    /// a setting that cannot be.
    pub fn manifest(&self) -> Result<Manifest> {
        let config = &self.config;
        config.check()?;
        let layout = config.layout()?;
        let mut services = Vec::new();
        for mount in &self.mounts {
            let rows = manifest(&mount.table()?.rows, &layout);
            let rows = rows.as_array().into_iter().flatten();
            let read = |row| HandlerManifest::read(row);
            let group = mount.led.map(|led| led.group);
            services.push(ServiceManifest::new(
                mount.name,
                group,
                rows.filter_map(read).collect(),
            ));
        }
        let mut manifest = Manifest::new(services);
        layout.prefix().clone_into(&mut manifest.subject_prefix);
        layout.micro_root().clone_into(&mut manifest.micro_prefix);
        config.inbox_prefix.clone_into(&mut manifest.inbox_prefix);
        manifest.registry = config.registry;
        manifest.builtin_rpcs = config.telling.builtin_rpcs;
        Ok(manifest)
    }
}
