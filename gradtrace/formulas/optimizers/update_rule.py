"""What is known about the step of one optimizer."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Line:
    """One value of a step, for one parameter; lines are worked out from the first to the last.

    Attributes:
        name: what it is called; a name of the state, or `param`, is replaced by it.
        maths: the formula as a person writes it.
        code: the same as a runnable torch expression. It may use `param`, `grad`, the settings, the state, `torch`
            and the names of the lines before.
        when: the condition, in Python and readable as English, under which the line holds; empty for always.
        repeat: the setting that says how many times in a row it is done; empty for once.
    """

    name: str
    maths: str
    code: str
    when: str = ""
    repeat: str = ""


@dataclass(frozen=True, slots=True)
class Term:
    """One of the parts whose sum is what a step adds to a parameter.

    Attributes:
        name: what brings it about: `gradient`, `momentum`, `weight decay`.
        maths: the formula as a person writes it; state and parameter are those before the step.
        code: the same as an expression; `old` holds `param` and the state as they were before the step.
        when: the condition under which the part is there; empty for always.
    """

    name: str
    maths: str
    code: str
    when: str = ""


@dataclass(frozen=True, slots=True)
class State:
    """Something that the optimizer keeps for each parameter from step to step.

    Attributes:
        name: torch's name of it: `exp_avg`.
        words: what it is.
        initial: the expression for it before the first step, in which the settings and `param` are known.
        when: the condition under which it is kept; empty for always.
    """

    name: str
    words: str
    initial: str = "0.0"
    when: str = ""


@dataclass(frozen=True, slots=True)
class Setting:
    """An argument of the optimizer that its rule reads.

    Attributes:
        name: torch's name of it: `betas`.
        default: its default.
        words: what it does.
        parts: the names by which the rule calls the members of a pair: (`beta1`, `beta2`).
    """

    name: str
    default: object
    words: str
    parts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class UpdateRule:
    """The step of one optimizer of `torch.optim`.

    Attributes:
        name: the class: `Adam`.
        forward: one sentence: what it does.
        words: a few sentences: how a step comes about, and what that means.
        settings: the arguments that the rule reads.
        state: what it keeps.
        lines: the step; empty where there are only words.
        terms: the parts of what a step adds to a parameter; empty where it is no sum of parts.
        iteration: a sentence on how one iteration moves the parameters, where one step runs several.
        source: where the rule was published.
        example: settings of the worked example, as Python writes arguments: `lr=0.1, momentum=0.9`.
        example_param: the parameter of the example, before its first step.
        example_grads: its gradients, one a step.
        example_loss: for an optimizer that calls the loss itself: the loss, of `param`; `example_grads` then only
            says how many steps.
        is_elementwise: each element of a parameter is stepped by itself, so that the lines hold for plain numbers too.
        is_sparse: it takes sparse gradients only.
        aliases: other names by which a person may ask for it.
    """

    name: str
    forward: str
    words: str
    settings: tuple[Setting, ...]
    state: tuple[State, ...] = ()
    lines: tuple[Line, ...] = ()
    terms: tuple[Term, ...] = ()
    iteration: str = ""
    source: str = ""
    example: str = ""
    example_param: str = "[1.0, -2.0]"
    example_grads: tuple[str, ...] = ("[0.5, 1.0]", "[1.0, -1.0]")
    example_loss: str = ""
    is_elementwise: bool = True
    is_sparse: bool = False
    aliases: tuple[str, ...] = ()
