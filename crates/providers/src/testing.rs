//! The funnel of this crate's tests: a script of requests and answers, run under a clock that stands still.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use api::analysis::Metric;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::{Request, Response};

use crate::transport::{Reply, Transport};
use crate::{Answer, Outcome, Settings, Task, measure};

/// Requests that must come in this order, each with what it gets back.
#[derive(Clone, Default)]
pub(crate) struct Script(VecDeque<Exchange>);

#[derive(Clone, Default)]
struct Exchange {
    /// `METHOD url`
    line: String,
    body: String,
    headers: Vec<(&'static str, Option<String>)>,
    answer: Option<Result<(u16, String), String>>,
}

impl Script {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn expect(mut self, line: &str, body: &str) -> Self {
        self.0.push_back(Exchange {
            line: line.to_owned(),
            body: body.to_owned(),
            ..Exchange::default()
        });
        self
    }

    pub(crate) fn with_header(mut self, name: &'static str, value: &str) -> Self {
        self.last().headers.push((name, Some(value.to_owned())));
        self
    }

    pub(crate) fn without_header(mut self, name: &'static str) -> Self {
        self.last().headers.push((name, None));
        self
    }

    pub(crate) fn answer(mut self, status: u16, body: &str) -> Self {
        self.last().answer = Some(Ok((status, body.to_owned())));
        self
    }

    pub(crate) fn failure(mut self, why: &str) -> Self {
        self.last().answer = Some(Err(why.to_owned()));
        self
    }

    /// The request never gets an answer.
    pub(crate) fn silence(self) -> Self {
        self
    }

    fn last(&mut self) -> &mut Exchange {
        self.0.back_mut().expect("expect() comes first")
    }

    fn transport(&self) -> (Transport, Arc<Mutex<VecDeque<Exchange>>>) {
        let left = Arc::new(Mutex::new(self.0.clone()));
        let seen = left.clone();
        let transport = Transport::in_process(move |request| {
            let exchange = left.lock().unwrap().pop_front();
            let Some(exchange) = exchange else {
                panic!("not expected: {} {}", request.method(), request.uri());
            };
            exchange.compare(&request);
            Box::pin(exchange.reply())
        });
        (transport, seen)
    }
}

impl Exchange {
    fn compare(&self, request: &Request<Bytes>) {
        assert_eq!(format!("{} {}", request.method(), request.uri()), self.line);
        assert_eq!(std::str::from_utf8(request.body()).unwrap(), self.body, "{}", self.line);
        for (name, want) in &self.headers {
            let got = request.headers().get(*name).map(|value| value.to_str().unwrap());
            assert_eq!(got, want.as_deref(), "{}: {name}", self.line);
        }
    }

    async fn reply(self) -> Reply {
        match self.answer {
            None => std::future::pending().await,
            Some(Err(why)) => Err(why),
            Some(Ok((status, body))) => {
                let mut response = Response::new(Bytes::from(body));
                *response.status_mut() = status.try_into().unwrap();
                Ok(response)
            }
        }
    }
}

/// An answer, with a short form for tables.
#[derive(Debug)]
pub(crate) struct Got(pub(crate) Answer);

impl Got {
    /// The text of the value, `error: ...`, or `not yet`.
    pub(crate) fn text(&self) -> String {
        match &self.0.outcome {
            Outcome::Value { text, .. } => text.clone(),
            Outcome::NotYet { .. } => "not yet".to_owned(),
            Outcome::Error(why) => format!("error: {why}"),
        }
    }
}

/// Measures by the script, and checks that all of it was asked.
pub(crate) fn run(metric: &Metric, settings: &Settings, script: &Script, now: DateTime<Utc>) -> Got {
    let task = Task {
        metric: metric.clone(),
        ..Task::default()
    };
    run_task(&task, settings, script, now)
}

pub(crate) fn run_task(task: &Task, settings: &Settings, script: &Script, now: DateTime<Utc>) -> Got {
    let (transport, left) = script.transport();
    let answer = paused(measure(task, settings, &transport, now));
    let left: Vec<String> = left
        .lock()
        .unwrap()
        .iter()
        .map(|exchange| exchange.line.clone())
        .collect();
    assert!(left.is_empty(), "not asked: {left:?}; {answer:?}");
    Got(answer)
}

/// Runs on tokio's paused clock: a time limit costs no time.
pub(crate) fn paused<T>(work: impl Future<Output = T>) -> T {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().start_paused(true).build().unwrap().block_on(work)
}

pub(crate) fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}
