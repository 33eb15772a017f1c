//! Our HTTP client as the transport of `azure_identity`, which would otherwise build one of its own.

use crate::azure::http::{Http, SendError};
use azure_core::error::{Error, ErrorKind};
use azure_core::http as azure;
use reqwest::header::{HeaderName, HeaderValue};
use reqwest::{Method, Request};

#[async_trait::async_trait]
impl azure::HttpClient for Http {
    async fn execute_request(
        &self,
        request: &azure::Request,
    ) -> azure_core::Result<azure::AsyncRawResponse> {
        let request = from_azure(request)?;
        let reply = self.send(request).await.map_err(|error| {
            let kind = match error {
                SendError::NotSent(_) => ErrorKind::Connection,
                SendError::Lost(_) | SendError::TooLong => ErrorKind::Io,
            };
            Error::new(kind, error)
        })?;
        let mut headers = azure::headers::Headers::new();
        for (name, value) in &reply.headers {
            if let Ok(value) = value.to_str() {
                headers.insert(name.as_str().to_owned(), value.to_owned());
            }
        }
        Ok(azure::AsyncRawResponse::from_bytes(
            reply.status.as_u16().into(),
            headers,
            reply.body,
        ))
    }
}

fn from_azure(request: &azure::Request) -> azure_core::Result<Request> {
    let refuse = |what: &'static str| Error::with_message(ErrorKind::Other, what);
    let method = Method::from_bytes(request.method().as_ref().as_bytes())
        .map_err(|_| refuse("a method that HTTP does not know"))?;
    let mut ours = Request::new(method, request.url().clone());
    for (name, value) in request.headers().iter() {
        let name = HeaderName::from_bytes(name.as_str().as_bytes());
        let value = HeaderValue::from_str(value.as_str());
        let (Ok(name), Ok(mut value)) = (name, value) else {
            return Err(refuse("a header that HTTP does not allow"));
        };
        // Some of them are secrets; none is worth showing.
        value.set_sensitive(true);
        ours.headers_mut().append(name, value);
    }
    match request.body() {
        azure::Body::Bytes(bytes) => *ours.body_mut() = Some(bytes.clone().into()),
        azure::Body::SeekableStream(_) => return Err(refuse("a streamed body is not sent here")),
    }
    Ok(ours)
}
