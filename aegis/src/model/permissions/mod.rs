//! What a user of NATS must be allowed: facts about a program in, a list of subjects out.
//! `manifest` is what a program serves, `need` what else it does, `service`, `client` and `tool` the
//! rules for those, `store` the subjects of streams and buckets, `list` the list, `show` how it looks.

mod client;
mod list;
mod manifest;
mod need;
mod service;
mod show;
mod store;
#[cfg(test)]
mod tests;
mod tool;

use std::time::Duration;

pub use list::Grant;
use list::List;
pub use manifest::{HandlerManifest, Manifest, ServiceManifest};
use need::{Access, Need};

use super::kv::SpecError;
use super::layout::Layout;
use super::name::NameError;
use super::subject::Subject;

/// Where answers come in if nothing else is said.
const INBOX: &str = "_INBOX";
/// How long the server lets a service answer what it was asked, if no method takes longer.
const ANSWERS_WITHIN: Duration = Duration::from_secs(120);

/// The least permissions that a program needs on NATS: what it may publish and subscribe, and why.
///
/// ```
/// use aegis::Permissions;
///
/// let shop = Permissions::new()
///     .inbox_prefix("_INBOX.shop")?
///     .calls("pricing.quote")?
///     .publishes("orders.created")?;
/// let allowed = shop.publish();
/// assert!(allowed.iter().any(|grant| grant.subject == "rpc.pricing.quote"));
/// println!("{shop}"); // as `permissions { .. }` of a nats-server
/// # Ok::<(), aegis::Error>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "permissions are printed, or given to a server"]
pub struct Permissions {
    layout: Layout,
    inbox: String,
    needs: Vec<Need>,
}

impl Default for Permissions {
    fn default() -> Self {
        Self::new()
    }
}

impl Permissions {
    /// Those of a program that does nothing yet, with the subjects that hold without any setting.
    pub fn new() -> Self {
        Self {
            layout: Layout::default(),
            inbox: INBOX.to_owned(),
            needs: Vec::new(),
        }
    }

    /// Those of a program that serves what stands in a manifest, under the settings that it names.
    ///
    /// Errors: a setting in it cannot be.
    pub fn of(manifest: &Manifest) -> Result<Self, NameError> {
        let all = Self::new().subject_prefix(&manifest.subject_prefix)?;
        let all = all.micro_prefix(&manifest.micro_prefix)?;
        Ok(all.inbox_prefix(&manifest.inbox_prefix)?.serves(manifest))
    }

    /// Under this `subject_prefix`; empty for none. Errors: it is no subject.
    pub fn subject_prefix(mut self, prefix: &str) -> Result<Self, NameError> {
        let micro = Subject::trusted(self.layout.micro_root());
        self.layout = Layout::with_prefix(prefix)?.with_micro_root(&micro);
        Ok(self)
    }

    /// With this `nats.micro_prefix` instead of `$SRV`. Errors: it is no subject.
    pub fn micro_prefix(mut self, prefix: &str) -> Result<Self, NameError> {
        let root = match prefix {
            "$SRV" => Subject::trusted(prefix),
            _ => Subject::parse(prefix)?,
        };
        self.layout = self.layout.with_micro_root(&root);
        Ok(self)
    }

    /// With this `nats.inbox_prefix`. A private one, such as `_INBOX.shop`, lets a program read the
    /// answers to nobody else. Errors: it is no subject.
    pub fn inbox_prefix(mut self, prefix: &str) -> Result<Self, NameError> {
        // `_INBOX` itself is reserved, and is what this is about.
        let rest = prefix.strip_prefix(INBOX);
        let plain = rest.map_or(prefix, |rest| rest.strip_prefix('.').unwrap_or(rest));
        if prefix != INBOX {
            Subject::parse(plain)?;
        }
        prefix.clone_into(&mut self.inbox);
        Ok(self)
    }

    /// It serves what stands in a manifest, also; the settings in it do not count here
    /// ([`of`](Self::of) takes them): see [`App::manifest`](crate::App::manifest).
    pub fn serves(mut self, manifest: &Manifest) -> Self {
        let services = manifest.services.iter().cloned();
        let (registry, built_in) = (manifest.registry, manifest.builtin_rpcs);
        self.needs.extend(services.map(|service| Need::Serve {
            service,
            registry,
            built_in,
        }));
        self
    }

    /// It calls a method (`pricing.quote`), or all methods of a service (`pricing`).
    ///
    /// Errors: what is named cannot be a service, or a method.
    pub fn calls(self, what: &str) -> Result<Self, NameError> {
        let (service, method) = need::service_and(what)?;
        Ok(self.with(Need::Call { service, method }))
    }

    /// It publishes events of this name (`orders.created`), or of all names that match (`orders.*`).
    ///
    /// Errors: it is no name of events.
    pub fn publishes(self, events: &str) -> Result<Self, NameError> {
        NameError::event_pattern(events)?;
        Ok(self.with(Need::Publish(events.to_owned())))
    }

    /// It sends a command (`importer.import`), or all commands of a service (`importer`), and
    /// follows, cancels and reads what becomes of them.
    ///
    /// Errors: what is named cannot be a service, or a command.
    pub fn sends(self, what: &str) -> Result<Self, NameError> {
        let (service, command) = need::service_and(what)?;
        Ok(self.with(Need::Send { service, command }))
    }

    /// It reads and writes a bucket; of an inbox `x` that is `inbox_x`, of a checkpoint
    /// `checkpoint_x`. Errors: it is no name of a bucket.
    pub fn bucket(self, name: &str) -> Result<Self, SpecError> {
        self.keeps(name, Access::Writes)
    }

    /// It reads a bucket that somebody else makes. Errors: it is no name of a bucket.
    pub fn reads_bucket(self, name: &str) -> Result<Self, SpecError> {
        self.keeps(name, Access::Reads)
    }

    /// It reads and writes a bucket, and removes it. Errors: it is no name of a bucket.
    pub fn removes_bucket(self, name: &str) -> Result<Self, SpecError> {
        self.keeps(name, Access::Removes)
    }

    fn keeps(self, name: &str, access: Access) -> Result<Self, SpecError> {
        super::BucketSpec::check_name(name)?;
        let name = name.to_owned();
        Ok(self.with(Need::Bucket { name, access }))
    }

    /// It finds out who is there: discovery, and calls that choose an instance.
    pub fn discovers(self) -> Self {
        self.with(Need::Discover)
    }

    /// It looks at events without handling them (`client.observe`).
    ///
    /// Errors: it is no pattern of events.
    pub fn observes(self, events: &str) -> Result<Self, NameError> {
        NameError::event_pattern(events)?;
        Ok(self.with(Need::Observe(events.to_owned())))
    }

    /// It looks after the others, as the commands of `aegis` do: who is there and who leads, events,
    /// jobs, dead letters. What it calls, publishes, sends or keeps is said beside.
    pub fn tool(self) -> Self {
        self.with(Need::Tool)
    }

    /// It looks for what is wrong, as `aegis doctor` does: it only reads. What `--clean` removes is
    /// beside: that is [`bucket`](Self::bucket) of `service_registry`.
    pub fn doctor(self) -> Self {
        self.with(Need::Doctor)
    }

    fn with(mut self, need: Need) -> Self {
        self.needs.push(need);
        self
    }

    /// What it must be allowed to publish, in an order to be read; nothing stands there twice.
    pub fn publish(&self) -> Vec<Grant> {
        self.list().publish()
    }

    /// What it must be allowed to subscribe.
    pub fn subscribe(&self) -> Vec<Grant> {
        self.list().subscribe()
    }

    /// For how long it must be allowed to answer what it was asked, each question once; none for a
    /// program that serves nothing.
    pub fn responses(&self) -> Option<Duration> {
        let served = self.needs.iter().filter_map(Need::served);
        let longest = |service: &ServiceManifest| {
            // Events and commands are not answered.
            let calls = service.handlers.iter();
            let calls = calls.filter(|one| one.kind.ends_with("rpc"));
            let times = calls.filter_map(|one| one.timeout_ms);
            Duration::from_millis(times.max().unwrap_or_default())
        };
        served.map(|one| longest(one).max(ANSWERS_WITHIN)).max()
    }

    /// Whether others could read the answers that it gets: its inbox is the common one.
    pub fn shares_inbox(&self) -> bool {
        self.inbox == INBOX
    }

    fn list(&self) -> List {
        let mut list = List::default();
        store::inbox(&mut list, &self.inbox, self.shares_inbox());
        for need in &self.needs {
            match need {
                Need::Serve {
                    service,
                    registry,
                    built_in,
                } => {
                    service::serve(&mut list, &self.layout, service);
                    if *built_in {
                        service::tell(&mut list, &self.layout, &service.name);
                    }
                    if *registry {
                        service::announce(&mut list, &self.layout, &service.name);
                    }
                }
                Need::Publish(events) => client::publish(&mut list, &self.layout, events),
                Need::Call { service, method } => {
                    client::call(&mut list, &self.layout, service, method.as_deref());
                }
                Need::Send { service, command } => {
                    client::send(&mut list, &self.layout, service, command.as_deref());
                }
                Need::Bucket { name, access } => {
                    store::bucket(&mut list, &self.layout.bucket(name), name, *access);
                }
                Need::Discover => client::discover(&mut list, &self.layout),
                Need::Observe(events) => client::observe(&mut list, &self.layout, events),
                Need::Tool => tool::tool(&mut list, &self.layout),
                Need::Doctor => tool::doctor(&mut list, &self.layout),
            }
        }
        // A leader's events stand behind its fence.
        if self.needs.iter().any(Need::is_publish) {
            let groups = self.needs.iter().filter_map(Need::served);
            for (service, group) in groups.filter_map(|one| Some((&one.name, one.group.as_ref()?)))
            {
                client::publish_fenced(&mut list, &self.layout, service, group);
            }
        }
        list
    }
}
