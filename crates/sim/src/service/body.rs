//! The body of an answer: one piece, or the lines of a watch as they come.

use crate::apiserver::WatchCursor;
use crate::world::Shared;
use bytes::{Bytes, BytesMut};
use futures::stream::BoxStream;
use http_body::{Frame, SizeHint};
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// A response body of the simulated server.
pub struct SimBody {
    content: Content,
}

enum Content {
    Whole(Option<Bytes>),
    Lines(BoxStream<'static, Bytes>),
}

impl SimBody {
    pub(crate) fn whole(content: impl Into<Bytes>) -> Self {
        SimBody {
            content: Content::Whole(Some(content.into())),
        }
    }

    /// Newline-delimited watch events, until the server ends the watch.
    pub(crate) fn watch(shared: Shared, cursor: WatchCursor) -> Self {
        let open = Open {
            changes: shared.changes(),
            shared,
            cursor,
        };
        let lines = futures::stream::unfold(
            open,
            |mut open| async move { open.next().await.map(|lines| (lines, open)) },
        );
        SimBody {
            content: Content::Lines(Box::pin(lines)),
        }
    }
}

struct Open {
    shared: Shared,
    cursor: WatchCursor,
    changes: tokio::sync::watch::Receiver<u64>,
}

impl Open {
    /// The next lines; None when the watch is over.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            self.changes.mark_unchanged();
            let (events, sleep) = self.shared.with(|server| {
                let events = server.poll(&mut self.cursor);
                let due = server.next_due(&self.cursor);
                let sleep = due.map(|due| (due - server.clock().now()).to_std().unwrap_or(Duration::ZERO));
                (events, sleep)
            });
            if !events.is_empty() {
                let mut lines = BytesMut::new();
                for event in events {
                    lines.extend_from_slice(event.line().as_bytes());
                    lines.extend_from_slice(b"\n");
                }
                return Some(lines.freeze());
            }
            if self.cursor.is_closed() {
                return None;
            }
            let until_due = async {
                match sleep {
                    // A timer may fire a moment early by the server's clock; the loop looks again.
                    Some(sleep) => tokio::time::sleep(sleep.max(Duration::from_millis(1))).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                changed = self.changes.changed() => changed.ok()?,
                () = until_due => {}
            }
        }
    }
}

impl http_body::Body for SimBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match &mut self.content {
            Content::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Content::Lines(lines) => lines
                .as_mut()
                .poll_next(cx)
                .map(|line| line.map(|line| Ok(Frame::data(line)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.content, Content::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Content::Lines(_) => SizeHint::default(),
        }
    }
}

impl std::fmt::Debug for SimBody {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        to.write_str(match &self.content {
            Content::Whole(_) => "SimBody::Whole",
            Content::Lines(_) => "SimBody::Lines",
        })
    }
}
