"""The handing over of a try's totals to a long-lived exporter: this pod ends with its task."""
