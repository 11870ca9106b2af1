"""What a picture shows, before any engine draws it.

`compose` turns one pass of a trace into a `Scene`: boxes with their texts, arrows with their gradients, clusters, a
caption and a legend. DOT, our own SVG and Mermaid all draw a scene, so they say the same. Only `model`, `analysis` and
`text` (`palette`, `wording`, `escape`) are imported here. To show one more fact, add it to
the text of its box in `boxes`, `folded` or `leaf_boxes`, or to `arrows`; to add a look, add it to `palette` and choose
it in `boxes.style_of`.
"""

from gradtrace.renderers.picture.scene.choice import Choice, DrawingOptions
from gradtrace.renderers.picture.scene.compose import compose, compose_view
from gradtrace.renderers.picture.scene.model import Arrow, Box, Cluster, Labels, Row, Scene, Span, Step

__all__ = [
    "Arrow",
    "Box",
    "Choice",
    "Cluster",
    "DrawingOptions",
    "Labels",
    "Row",
    "Scene",
    "Span",
    "Step",
    "compose",
    "compose_view",
]
