"""Unknown keywords name what was called, and the nearest that it takes."""

import copy
import inspect
import pickle
import re
from dataclasses import dataclass, replace

import pytest

from qhopfield import circuits
from qhopfield.circuits import Faults, FilteredMemory, Hopfield, Mitigation, NeuronDynamics
from qhopfield.circuits.capacity import ModelSpec
from qhopfield.circuits.common.keywords import Chosen
from qhopfield.circuits.patterns import PatternSet

CHOICES = [
    each
    for each in (*(getattr(circuits, name) for name in circuits.__all__), ModelSpec, PatternSet)
    if isinstance(each, type) and issubclass(each, Chosen)
]


@pytest.mark.fault(
    "FilteredMemory(filters=...) was answered by FilteredMemory.__init__()",
    kind="a misspelled keyword answered in the name of something nobody called",
)
@pytest.mark.parametrize("kind", CHOICES, ids=lambda kind: kind.__name__)
def test_a_misspelled_keyword_is_answered_with_the_nearest(kind):
    name = kind.__name__
    known = [each for each in inspect.signature(kind).parameters]
    for each in known:
        with pytest.raises(
            TypeError, match=rf"^{name}\(\) got .* '{each}x'; did you mean '"
        ) as info:
            kind(**{f"{each}x": 1})
        assert "__init__" not in str(info.value)
    with pytest.raises(TypeError, match=rf"^{name}\(\) got an unexpected .*'zzzz'; it takes "):
        kind(zzzz=1)


def test_every_choice_of_a_user_is_among_them():
    made = {"Association", "Classification", "Law", "RecallResult", "Resources", "SoftmaxRecall"}
    public = {name for name in circuits.__all__ if isinstance(getattr(circuits, name), type)}
    assert public - {each.__name__ for each in CHOICES} == made


def test_the_message_in_full():
    message = (
        "FilteredMemory() got an unexpected keyword argument 'filters'; did you mean 'filter'?"
    )
    with pytest.raises(TypeError, match=f"^{re.escape(message)}$"):
        FilteredMemory(filters=1)


def test_what_fits_is_as_before():
    method = NeuronDynamics(sweeps=2)
    assert replace(method, sweeps=1) == NeuronDynamics(sweeps=1)
    with pytest.raises(
        TypeError, match=r"^NeuronDynamics\(\) got .*'sweep'; did you mean 'sweeps'"
    ):
        replace(method, sweep=1)
    for each in (method, Faults(dead=1), Mitigation(), Hopfield.store([[1, -1, 1]])):
        assert type(copy.deepcopy(each)) is type(each)
        assert repr(pickle.loads(pickle.dumps(each))) == repr(each)
    assert "values" not in inspect.signature(Mitigation).parameters


class Plain(Chosen):
    pass


class Open(Chosen):
    def __init__(self, **options):
        self.options = options


@dataclass(frozen=True)
class Own(NeuronDynamics):
    extra: int = 0


def test_classes_of_ones_own():
    assert isinstance(Plain(), Plain)
    with pytest.raises(TypeError, match=r"^Plain\(\) takes no arguments, got 1\.$"):
        Plain(1)
    with pytest.raises(TypeError, match=r"^Plain\(\) got an unexpected .* 'a'; it takes none\.$"):
        Plain(a=1)
    assert Open(anything=1).options == {"anything": 1}
    assert (Own(extra=2).extra, Own(sweeps=5).sweeps) == (2, 5)
    with pytest.raises(TypeError, match=r"^Own\(\) got .* 'extras'; did you mean 'extra'\?$"):
        Own(extras=2)
