"""Bodies of a small shop as Confluent's own serializers write them: an order in Avro, its shipment in Protobuf, its
invoice in JSON Schema. All schemas share their metadata by reference. Prints {"topic", "body"} a line, bodies in Base64.
"""

import base64
import json
import sys

from confluent_kafka.schema_registry import Schema, SchemaReference, SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.schema_registry.json_schema import JSONSerializer
from confluent_kafka.schema_registry.protobuf import ProtobufSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, timestamp_pb2  # noqa: F401

ORDER = "9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d"
AT_MS = 1_700_000_000_123

METADATA = {
    "type": "record",
    "name": "Metadata",
    "namespace": "shop.common",
    "fields": [
        {"name": "eventId", "type": {"type": "string", "logicalType": "uuid"}},
        {"name": "correlationId", "type": ["null", "string"], "default": None},
        {"name": "occurredAt", "type": {"type": "long", "logicalType": "timestamp-millis"}},
    ],
}
PLACED = {
    "type": "record",
    "name": "OrderPlaced",
    "namespace": "shop.orders",
    "fields": [
        {"name": "metadata", "type": "shop.common.Metadata"},
        {
            "name": "data",
            "type": {
                "type": "record",
                "name": "Order",
                "fields": [
                    {"name": "lines", "type": {"type": "array", "items": "string"}},
                    {"name": "total", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}},
                ],
            },
        },
    ],
}
INVOICED = {"title": "Invoiced", "type": "object", "properties": {"metadata": {"type": "object"}}}


def print_body(topic, serialize, value):
    body = serialize(value, SerializationContext(topic, MessageField.VALUE))
    print(json.dumps({"topic": topic, "body": base64.b64encode(body).decode()}))


def orders(client):
    client.register_schema("metadata", Schema(json.dumps(METADATA), "AVRO"))
    reference = SchemaReference("shop.common.Metadata", "metadata", 1)
    from decimal import Decimal

    serialize = AvroSerializer(client, Schema(json.dumps(PLACED), "AVRO", [reference]))
    metadata = {"eventId": ORDER, "correlationId": "order-4711", "occurredAt": AT_MS}
    print_body("orders", serialize, {"metadata": metadata, "data": {"lines": ["tea"], "total": Decimal("12.05")}})


def shipments(client):
    text, message = descriptor_pb2.FieldDescriptorProto.TYPE_STRING, descriptor_pb2.FieldDescriptorProto.TYPE_MESSAGE
    common = descriptor_pb2.FileDescriptorProto(
        name="shop/metadata.proto", package="shop.common", syntax="proto3", dependency=["google/protobuf/timestamp.proto"]
    )
    metadata = common.message_type.add(name="Metadata")
    metadata.field.add(name="event_id", number=1, type=text, label=1)
    metadata.field.add(name="causation_id", number=2, type=text, label=1)
    metadata.field.add(name="occurred_at", number=3, type=message, label=1, type_name=".google.protobuf.Timestamp")
    file = descriptor_pb2.FileDescriptorProto(
        name="shop/shipment.proto", package="shop.shipping", syntax="proto3", dependency=["shop/metadata.proto"]
    )
    file.message_type.add(name="Parcel").field.add(name="id", number=1, type=text, label=1)
    shipped = file.message_type.add(name="Shipped")
    shipped.field.add(name="metadata", number=1, type=message, label=1, type_name=".shop.common.Metadata")
    shipped.field.add(name="data", number=2, type=message, label=1, type_name=".shop.shipping.Parcel")
    pool = descriptor_pool.Default()
    pool.Add(common)
    pool.Add(file)
    kind = message_factory.GetMessageClass(pool.FindMessageTypeByName("shop.shipping.Shipped"))
    value = kind(metadata={"event_id": "shipment-1", "causation_id": ORDER}, data={"id": "parcel-1"})
    value.metadata.occurred_at.FromMilliseconds(AT_MS + 1000)
    print_body("shipments", ProtobufSerializer(kind, client, {"use.deprecated.format": False}), value)


def invoices(client):
    metadata = {"eventId": "invoice-1", "type": "invoiced", "causationId": ORDER}
    serialize = JSONSerializer(json.dumps(INVOICED), client)
    print_body("invoices", serialize, {"metadata": metadata, "data": {}})


client = SchemaRegistryClient({"url": sys.argv[1]})
for write in (orders, shipments, invoices):
    write(client)
