//! A queue's messages
//! (<https://learn.microsoft.com/rest/api/storageservices/operations-on-messages>).

use super::{Reach, StorageError, VERSION, time, within};
use azure_storage_queue::models::QueueClientReceiveMessagesOptions;
use azure_storage_queue::{QueueClient, QueueClientOptions};
use jiff::Timestamp;
use std::time::Duration;

/// A queue.
pub struct Queue(QueueClient);

/// A message that was received, and is hidden from others for a while.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    /// Its id.
    pub id: String,
    /// What deletes it; good until somebody else receives it.
    pub receipt: String,
    /// What it says, as it stands there.
    pub text: String,
    /// How often it was received, this time included.
    pub dequeues: i64,
    /// When it was sent.
    pub sent: Option<Timestamp>,
}

impl Queue {
    pub(super) fn new(reach: Reach) -> Result<Self, StorageError> {
        let options = QueueClientOptions {
            client_options: reach.options,
            version: VERSION.to_owned(),
        };
        let client = QueueClient::new(reach.url, reach.credential, Some(options));
        client.map(Self).map_err(|_| StorageError::SecretUnusable)
    }

    /// Receives up to `most` messages, which others do not see for `hidden_for`.
    pub async fn receive(
        &self,
        most: i32,
        hidden_for: Duration,
    ) -> Result<Vec<Message>, StorageError> {
        let options = QueueClientReceiveMessagesOptions {
            number_of_messages: Some(most),
            visibility_timeout: i32::try_from(hidden_for.as_secs()).ok(),
            ..QueueClientReceiveMessagesOptions::default()
        };
        let answer = within(self.0.receive_messages(Some(options))).await?;
        let answer = answer.into_model();
        let received = answer.map_err(|error| StorageError::read(&error))?;
        let message = |message: azure_storage_queue::models::ReceivedMessage| {
            Some(Message {
                id: message.message_id?,
                receipt: message.pop_receipt?,
                text: message.message_text.unwrap_or_default(),
                dequeues: message.dequeue_count.unwrap_or(1),
                sent: message.insertion_time.and_then(time),
            })
        };
        let received = received.items.unwrap_or_default();
        Ok(received.into_iter().filter_map(message).collect())
    }

    /// Looks at the first message, which stays as it is.
    pub async fn peek(&self) -> Result<(), StorageError> {
        let answer = within(self.0.peek_messages(None)).await?;
        let read = answer.into_model();
        read.map(drop).map_err(|error| StorageError::read(&error))
    }

    /// Deletes a message; one that is gone already is deleted too.
    pub async fn delete(&self, message: &Message) -> Result<(), StorageError> {
        let deleted = within(self.0.delete_message(&message.id, &message.receipt, None)).await;
        match deleted {
            // Also where the receipt is not good any more: then others have it, and it comes again.
            Ok(_) | Err(StorageError::Missing) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
