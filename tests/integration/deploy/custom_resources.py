"""Schemas of what operators add to Kubernetes, as far as we use it: no field beside those."""

from __future__ import annotations

from typing import Any

import fastjsonschema

Schema = dict[str, Any]

KEDA = {"prometheus": {"serverAddress", "query", "threshold", "ignoreNullValues"},
        "metrics-api": {"format", "url", "valueLocation", "targetValue"}}  # fmt: skip
"""What each trigger of KEDA is told."""


def closed(required: Schema, **optional: Any) -> Schema:
    """Return the schema of an object with these properties and no others."""
    return {
        "type": "object",
        "required": list(required),
        "properties": {**required, **optional},
        "additionalProperties": False,
    }


def some(items: Schema) -> Schema:
    """Return the schema of a list that is not empty."""
    return {"type": "array", "minItems": 1, "items": items}


TEXT, COUNT = {"type": "string"}, {"type": "integer", "minimum": 0}
TEXTS = {"type": "object", "additionalProperties": TEXT}
DURATION = {"type": "string", "pattern": "^[0-9]+(s|m|h)$"}

_SCALED_OBJECT = closed(
    {
        "scaleTargetRef": closed({"name": TEXT}, kind=TEXT, apiVersion=TEXT),
        "triggers": some(
            closed(
                {"type": {"enum": list(KEDA)}, "metadata": TEXTS},
                metricType={"enum": ["AverageValue", "Value", "Utilization"]},
            )
        ),
    },
    minReplicaCount=COUNT,
    maxReplicaCount=COUNT,
    cooldownPeriod=COUNT,
    pollingInterval=COUNT,
    fallback=closed({"failureThreshold": COUNT, "replicas": COUNT}),
)
_KEY = closed({"name": TEXT, "key": TEXT})
_CERTIFICATE = {"oneOf": [closed({"secret": _KEY}), closed({"configMap": _KEY})]}
_ENDPOINTS = some(
    closed(
        {"port": TEXT},
        interval=DURATION,
        honorLabels={"type": "boolean"},
        scheme={"enum": ["http", "https"]},
        tlsConfig=closed(
            {},
            ca=_CERTIFICATE,
            cert=_CERTIFICATE,
            keySecret=_KEY,
            serverName=TEXT,
            insecureSkipVerify={"type": "boolean"},
        ),
        basicAuth=closed({"username": _KEY, "password": _KEY}),
        relabelings=some(closed({"targetLabel": TEXT}, sourceLabels=some(TEXT), replacement=TEXT)),
    )
)
_SELECTOR = closed({"matchLabels": TEXTS})
_RULE = {
    "oneOf": [
        closed({"record": TEXT, "expr": TEXT}, labels=TEXTS),
        closed({"alert": TEXT, "expr": TEXT}, **{"for": DURATION}, labels=TEXTS, annotations=TEXTS),
    ]
}
_PROMETHEUS_RULE = closed(
    {"groups": some(closed({"name": TEXT, "rules": some(_RULE)}, interval=DURATION))}
)

SPECS = {
    kind: fastjsonschema.compile(schema)
    for kind, schema in {
        "ScaledObject": _SCALED_OBJECT,
        "ServiceMonitor": closed({"selector": _SELECTOR, "endpoints": _ENDPOINTS}),
        "PodMonitor": closed({"selector": _SELECTOR, "podMetricsEndpoints": _ENDPOINTS}),
        "PrometheusRule": _PROMETHEUS_RULE,
    }.items()
}
"""What holds a `spec` of each kind against its schema, and raises JsonSchemaException."""
