//! On how many servers everything is kept, and whether there are as many as the settings ask for.

use aegis::AskedReplicas;

use super::facts::Facts;
use super::finding::{Finding, Group, count};
use super::store::bytes;
use super::stream::Stream;
use super::streams::called;

const GROUP: &str = "replicas";

pub(super) fn judge(facts: &Facts) -> Group {
    let mut findings = too_many(facts);
    let all = match &facts.streams {
        Ok(all) => all,
        Err(why) if findings.is_empty() => return Group::unasked(GROUP, why),
        Err(_) => &Vec::new(),
    };
    let Some(cluster) = &facts.server.cluster else {
        let summary = "the server is alone: everything is kept once";
        return Group::new(GROUP, summary, findings);
    };
    let alone: Vec<&Stream> = all.iter().filter(|stream| stream.replicas < 3).collect();
    let summary = match alone.len() {
        0 => format!("everything is on 3 servers of the cluster {cluster} or more"),
        some => format!(
            "{some} of {} are on fewer than 3 servers of the cluster {cluster}",
            all.len()
        ),
    };
    findings.extend(alone.into_iter().map(|stream| few(stream, facts)));
    Group::new(GROUP, summary, findings)
}

/// Whether so many servers are asked for that nothing can be kept as it is asked.
pub(super) fn is_too_many(facts: &Facts, asked: u8) -> bool {
    facts
        .servers()
        .is_some_and(|servers| usize::from(asked) > servers)
}

/// Settings that ask for more servers than there are.
fn too_many(facts: &Facts) -> Vec<Finding> {
    // Where nothing can be stored, the number of servers is not what is wrong.
    if facts.nothing_stored().is_some() {
        return Vec::new();
    }
    let asked = facts.asked_replicas.iter();
    let asked = asked.filter(|asked| is_too_many(facts, asked.servers));
    asked.map(|asked| one_of_too_many(asked, facts)).collect()
}

fn one_of_too_many(asked: &AskedReplicas, facts: &Facts) -> Finding {
    let AskedReplicas {
        setting,
        servers,
        source,
        ..
    } = asked;
    let place = match (&facts.server.cluster, facts.cluster_size) {
        (Some(cluster), Some(size)) => format!(
            "the cluster {cluster} has {}",
            count(size, "server", "servers")
        ),
        _ => "the server is alone".to_owned(),
    };
    let variable = setting.to_uppercase().replace('.', "_");
    let what = format!("`{setting}` = {servers} ({source}), and {place}");
    let fits = facts.servers().unwrap_or(1);
    Finding::problem("too_many_replicas", setting, what)
        .because(format!(
            "the server refuses {} that programs with these settings make or change: whatever needs it \
             fails",
            kept_by(setting)
        ))
        .mended_by(format!(
            "`{setting} = {fits}` (AEGIS_{variable}={fits}) in the settings of every program, which wins \
             over a profile; or a cluster of {servers} servers"
        ))
}

/// What a setting decides about.
fn kept_by(setting: &str) -> &'static str {
    match setting {
        "events.replicas" => "the streams of events and dead letters",
        "commands.replicas" => "the stream of commands and the bucket of jobs",
        "leader.replicas" => "the buckets of leaders and of what exclusive work came to",
        "registry.replicas" => "the bucket of the registry",
        _ => "every stream and bucket",
    }
}

fn few(stream: &Stream, facts: &Facts) -> Finding {
    let name = &stream.name;
    let what = format!(
        "{} is kept on {} of the cluster, with {}",
        called(name),
        if stream.replicas == 1 {
            "one server".to_owned()
        } else {
            format!("{} servers", stream.replicas)
        },
        bytes(stream.bytes)
    );
    let why = match stream.replicas {
        1 => {
            "while that server is away it cannot be used, and what it holds may be lost with its disk"
        }
        _ => "with two, both must be there for a write: it is worse than one",
    };
    let names = &facts.names;
    let own = [&names.events, &names.dead, &names.commands].contains(&name);
    let mend = if own {
        "`nats.replicas = 3` (AEGIS_NATS_REPLICAS=3) in the configuration of the services changes it at \
         their next start"
            .to_owned()
    } else {
        format!(
            "`nats stream edit {name} --replicas 3` now, and `nats.replicas = 3` (AEGIS_NATS_REPLICAS=3) \
             for what is made later"
        )
    };
    Finding::warning("few_replicas", name, what)
        .because(why)
        .mended_by(mend)
}
