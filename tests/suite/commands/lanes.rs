//! Which of the waiting commands starts next.

use super::*;

/// Lets one after the other go, and tells in which order they began.
async fn one_by_one(seen: &Seen, pace: &Semaphore, count: usize) -> Vec<String> {
    for number in 1..=count {
        seen.until("began", number).await;
        pace.add_permits(1);
    }
    seen.until("ended", count).await
}

#[tokio::test]
async fn priority_order() {
    for ground in Ground::both().await {
        let (app, works, seen, pace) = working(&ground).await;
        let send = async |name: &str, priority| {
            let command = works.wait(name.to_owned()).priority(priority);
            command.send().await.unwrap();
        };
        send("first", Priority::Low).await;
        seen.until("began", 1).await;
        for (name, priority) in [
            ("low", Priority::Low),
            ("normal-1", Priority::Normal),
            ("normal-2", Priority::Normal),
            ("high", Priority::High),
            ("critical", Priority::Critical),
        ] {
            send(name, priority).await;
        }
        let order = one_by_one(&seen, &pace, 6).await;
        let expected = ["first", "critical", "high", "normal-1", "normal-2", "low"];
        assert_eq!(order, expected, "{}", ground.name);
        app.stop().await.unwrap();
    }
}

#[tokio::test]
async fn a_critical_one_is_the_next_to_start_however_many_wait() {
    for ground in Ground::both().await {
        let (app, works, seen, pace) = working(&ground).await;
        for number in 0..101 {
            let command = works.wait(format!("normal-{number}"));
            command.send().await.unwrap();
        }
        for number in 1..=20 {
            seen.until("began", number).await;
            pace.add_permits(1);
        }
        seen.until("began", 21).await;
        let critical = works.wait("critical".to_owned());
        critical.priority(Priority::Critical).send().await.unwrap();
        pace.add_permits(1000);
        let began = seen.until("began", 102).await;
        assert_eq!(began[21], "critical", "{}", ground.name);
        app.stop().await.unwrap();
    }
}

#[tokio::test]
async fn low_ones_get_their_share_under_constant_load() {
    for ground in Ground::both().await {
        let (app, works, seen, pace) = working(&ground).await;
        let first = works.wait("first".to_owned()).send().await.unwrap();
        seen.until("began", 1).await;
        let lots = [("low", Priority::Low, 20), ("high", Priority::High, 200)];
        for (name, priority, times) in lots {
            for number in 0..times {
                let command = works.wait(format!("{name}-{number}"));
                command.priority(priority).send().await.unwrap();
            }
        }
        pace.add_permits(1000);
        first.result().within(PATIENCE).await.unwrap();
        let began = seen.until("began", 221).await;
        // As long as high ones wait: of the first hundred at least five are low.
        let low = began[1..101].iter().filter(|name| name.starts_with("low"));
        let low = low.count();
        assert!((5..=12).contains(&low), "{}: {low}", ground.name);
        app.stop().await.unwrap();
    }
}

#[tokio::test]
async fn no_more_are_taken_than_can_be_worked_on() {
    for ground in Ground::both().await {
        let seen = Seen::default();
        let mut all = Vec::new();
        let (one, _, pace) = Works::new();
        for number in 1..=2 {
            let works = Works {
                seen: seen.clone(),
                pace: one.pace.clone(),
            };
            let app = ground.instance(&format!("works-{number}"));
            all.push(app.service(works).start().await.unwrap());
        }
        let works: WorksClient = all[0].client();
        for number in 0..6 {
            works.wait(number.to_string()).send().await.unwrap();
        }
        // Each works on one at a time, so that the others are free for whoever is done.
        seen.until("began", 2).await;
        pace.add_permits(4);
        seen.until("ended", 4).await;
        seen.until("began", 6).await;
        pace.add_permits(2);
        seen.until("ended", 6).await;
        for app in all {
            app.stop().await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_delayed_one_begins_when_its_time_has_come() {
    for ground in Ground::both().await {
        let (app, works, seen, _) = working(&ground).await;
        let sent = std::time::Instant::now();
        let delay = Duration::from_millis(700);
        let later = works.double(1).delay(delay).send().await.unwrap();
        let now = works.double(2).send().await.unwrap();
        assert_eq!(now.result().within(PATIENCE).await.unwrap(), 4);
        let waiting = status(&client(&app), later.id()).await;
        assert_eq!((waiting.state, waiting.attempt), (JobState::Queued, 0));
        assert!(waiting.run_at.is_some(), "{}", ground.name);
        assert_eq!(later.result().within(PATIENCE).await.unwrap(), 2);
        // Never before; how long after is not a matter of a test. Two clocks are involved.
        assert!(sent.elapsed() + Duration::from_millis(50) >= delay);
        assert_eq!(seen.of("double"), [now.id(), later.id()], "{}", ground.name);
        let at = std::time::SystemTime::now() - Duration::from_secs(60);
        let past = works.double(3).at(at).send().await.unwrap();
        assert_eq!(past.result().within(PATIENCE).await.unwrap(), 6);
        let far = works.double(4).delay(Duration::from_secs(3600));
        let far = far.send().await.unwrap();
        let cancelled = far.cancel().await.unwrap();
        assert_eq!(cancelled.state, JobState::Cancelled, "{}", ground.name);
        app.stop().await.unwrap();
    }
}
