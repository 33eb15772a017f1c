// Parses the cards of messages from standard input with Microsoft's own library, and renders nothing.
const fs = require("fs");
const given = JSON.parse(fs.readFileSync(0, "utf8"));
const cards = require(given.package + "/dist/adaptivecards.js");
for (const message of given.messages) {
  if (message.type !== "message" || message.attachments.length !== 1) {
    throw new Error("not the envelope that a Workflows webhook takes");
  }
  const [attachment] = message.attachments;
  if (attachment.contentType !== "application/vnd.microsoft.card.adaptive") {
    throw new Error(attachment.contentType);
  }
  const context = new cards.SerializationContext(cards.Versions.v1_4);
  const card = new cards.AdaptiveCard();
  card.parse(attachment.content, context);
  const events = [];
  for (let at = 0; at < context.eventCount; at++) {
    events.push(context.getEventAt(at).message);
  }
  const found = card.validateProperties().validationEvents.map((it) => it.message);
  if (events.length + found.length > 0) {
    throw new Error([...events, ...found].join("\n"));
  }
  if (card.getActionCount() < 1 || !(card.getActionAt(0) instanceof cards.OpenUrlAction)) {
    throw new Error("no action that opens a page");
  }
  if (card.getItemCount() !== attachment.content.body.length) {
    throw new Error("the parser left something out");
  }
}
console.log(`${given.messages.length} cards are valid`);
