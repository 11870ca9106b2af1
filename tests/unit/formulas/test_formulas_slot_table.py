from gradtrace.formulas.slot_table import TABLE_PATH, slot_names_of_installed_torch, table_source, with_table
from gradtrace.recorder.slot_names import slot_inputs, slot_names


def test_table_is_that_of_the_installed_torch():
    """The recorder's table is what the command would write now."""
    source = TABLE_PATH.read_text(encoding="utf-8")

    assert with_table(source, table_source(slot_names_of_installed_torch())) == source


def test_slots_bear_the_names_of_torch():
    """Slots are named in the order of next_functions, arguments without a gradient left out."""
    assert slot_names("AddmmBackward0") == ("self", "mat1", "mat2")
    assert slot_names("EmbeddingBackward0") == ("weight",)


def test_lists_take_one_slot_for_each_member():
    """A list of tensors is spread over the slots that the node has."""
    assert slot_names("CatBackward0") == ("tensors*",)
    assert slot_inputs("CatBackward0", 3) == ("tensors[0]", "tensors[1]", "tensors[2]")
    assert slot_inputs("ForeachMulBackward0List", 4) == ("self[0]", "self[1]", "other[0]", "other[1]")


def test_nothing_is_claimed_of_what_is_not_known():
    """An unknown type, or a number of slots that the table does not explain, has no names."""
    assert slot_inputs("MyFunctionBackward", 2) is None
    assert slot_inputs("MulBackward0", 3) is None
    assert slot_inputs("ForeachMulBackward0List", 3) is None


def test_nodes_written_by_hand_have_names():
    """Types in torch's namespace are found with and without it."""
    assert slot_inputs("torch::autograd::CopyBackwards", 2) == ("self", "src")
    assert slot_inputs("CopySlices", 2) == ("base", "value")
