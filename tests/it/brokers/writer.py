"""Writes to a Kafka topic what its standard input says, a JSON line each; with `mock` it is the broker too."""
import json, sys, time
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

asked, cluster = sys.argv[1], None
if asked == "mock":
    # The library's own mock cluster, which lives as long as this client.
    cluster = Producer({"test.mock.num.brokers": "2", "bootstrap.servers": "nobody:1"})
    while not (brokers := cluster.list_topics(timeout=10).brokers):
        time.sleep(0.1)
    asked = ",".join(f"{broker.host}:{broker.port}" for broker in brokers.values())
print(json.dumps(asked), flush=True)


def create(topic, partitions):
    if cluster:
        # It takes no requests for new topics: it makes one, of four partitions, when it is asked about it.
        while len(cluster.list_topics(topic, timeout=10).topics[topic].partitions) < partitions:
            time.sleep(0.1)
        return
    client = AdminClient({"bootstrap.servers": asked})
    for made in client.create_topics([NewTopic(topic, partitions, 1)]).values():
        made.result(30)


def write(topic, partition, texts, compression):
    producer = Producer({"bootstrap.servers": asked, "compression.type": compression, "linger.ms": 20,
                         "message.timeout.ms": 30000})
    for text in texts:
        producer.produce(topic, text.encode(), partition=partition)
    left = producer.flush(30)
    if left:
        raise SystemExit(f"{left} records were not written")


for line in sys.stdin:
    wanted = json.loads(line)
    print(json.dumps(globals()[wanted["do"]](*wanted["with"])), flush=True)
