//! An instance stops: it takes no more, finishes what it can, and hands the rest back at once.

use super::*;

#[tokio::test]
async fn what_runs_is_finished_and_what_waits_is_left_to_others() {
    for ground in Ground::both().await {
        let (app, works, seen, pace) = working(&ground).await;
        let running = works.wait("running".to_owned()).send().await.unwrap();
        seen.until("began", 1).await;
        let waiting = works.wait("waiting".to_owned()).send().await.unwrap();
        let asks = async || ground.asks("works__wait__high").await;
        eventually("it asks", async || asks().await > 0).await;
        let stopped = tokio::spawn(app.stop());
        eventually("it asks no more", async || asks().await == 0).await;
        pace.add_permits(1);
        soon("the end", stopped).await.unwrap().unwrap();
        let sender = ground.client().await;
        assert_eq!(
            status(&sender, running.id()).await.state,
            JobState::Succeeded
        );
        let left = status(&sender, waiting.id()).await;
        assert_eq!((left.state, left.attempt), (JobState::Queued, 0));
        let (app, _, _, pace) = working(&ground).await;
        pace.add_permits(1);
        let job = sender.command(waiting.id());
        let result = job.result().within(PATIENCE).await;
        assert_eq!(result.unwrap(), "waiting", "{}", ground.name);
        app.stop().await.unwrap();
    }
}

#[tokio::test]
async fn what_does_not_end_in_time_is_handed_back_at_once() {
    for ground in Ground::both().await {
        let (works, seen, pace) = Works::new();
        let first = ground.instance("first");
        let first = first.configure(|config| config.drain_timeout(Duration::from_millis(50)));
        let first = first.service(works).start().await.unwrap();
        let sender = ground.client().await;
        let works = WorksClient::new(&sender);
        // Its ack wait is half a minute: nobody waits for that.
        let deaf = works.deaf().send().await.unwrap();
        let told = works.wait("told".to_owned()).send().await.unwrap();
        seen.until("deaf", 1).await;
        seen.until("began", 1).await;
        first.stop().await.unwrap();
        // It was told, and could not end: that is no attempt, whatever it says of itself.
        seen.until("cancelled", 1).await;
        for job in [told.id(), deaf.id()] {
            let back = status(&sender, job).await;
            assert_eq!((back.state, back.attempt), (JobState::Queued, 0));
        }
        let (app, _, seen, _) = working(&ground).await;
        seen.until("deaf", 1).await;
        let taken = until(&sender, deaf.id(), JobState::Running).await;
        assert_eq!(taken.attempt, 1, "{}", ground.name);
        deaf.cancel().await.unwrap();
        told.cancel().await.unwrap();
        drop(pace);
        app.stop().await.unwrap();
    }
}
