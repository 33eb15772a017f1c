"""Does to a storage account what its standard input says, a JSON line each, with Microsoft's own library."""
import base64, datetime, json, sys
from azure.core.exceptions import ResourceExistsError
from azure.storage.blob import BlobServiceClient, ContainerSasPermissions, generate_container_sas
from azure.storage.queue import QueueServiceClient

account, key, queue_url, blob_url = sys.argv[1:]
credential = {"account_name": account, "account_key": key}
queues = QueueServiceClient(queue_url, credential=credential)
blobs = BlobServiceClient(blob_url, credential=credential)


def create_queue(name):
    queues.create_queue(name)


def send(name, text, encoded):
    text = base64.b64encode(text.encode()).decode() if encoded else text
    queues.get_queue_client(name).send_message(text)


def send_all(name, texts):
    client = queues.get_queue_client(name)
    for text in texts:
        client.send_message(base64.b64encode(text.encode()).decode())


def receive(name, hidden_for):
    """Receives a message and does nothing with it."""
    return [message.id for message in queues.get_queue_client(name).receive_messages(
        max_messages=1, visibility_timeout=hidden_for)]


def left(name):
    return queues.get_queue_client(name).get_queue_properties().approximate_message_count


def create_container(name):
    blobs.create_container(name)


def append(container, name, text):
    blob = blobs.get_blob_client(container, name)
    try:
        blobs.create_container(container)
    except ResourceExistsError:
        pass
    if not blob.exists():
        blob.create_append_blob()
    blob.append_block(text.encode())


def delete_blob(container, name):
    blobs.get_blob_client(container, name).delete_blob()


def container_sas(container, permission):
    until = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)
    return generate_container_sas(account, container, account_key=key, expiry=until,
                                  permission=ContainerSasPermissions.from_string(permission))


for line in sys.stdin:
    asked = json.loads(line)
    print(json.dumps(globals()[asked["do"]](*asked["with"])), flush=True)
