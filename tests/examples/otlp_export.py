# SPDX-License-Identifier: MIT
"""otlp_export ADDRESS - spans of OpenTelemetry's SDK, sent by its own exporter over gRPC."""
import sys

from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode

exporter = OTLPSpanExporter(endpoint=f"http://{sys.argv[1]}", insecure=True)
provider = TracerProvider(resource=Resource.create({"service.name": "shop"}))
provider.add_span_processor(BatchSpanProcessor(exporter))
tracer = provider.get_tracer("tests")
with tracer.start_as_current_span("order", kind=SpanKind.SERVER) as order:
    order.set_attribute("items", 3)
    order.set_attribute("express", True)
    with tracer.start_as_current_span("pay", kind=SpanKind.CLIENT) as pay:
        pay.add_event("declined", {"reason": "no money"})
        pay.set_status(Status(StatusCode.ERROR, "declined"))
    print(f"{order.context.trace_id:032x} {order.context.span_id:016x} {pay.context.span_id:016x}")
if not provider.force_flush(30_000):
    sys.exit("the exporter could not send its spans")
provider.shutdown()
