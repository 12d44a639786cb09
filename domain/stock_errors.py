"""Refusals about goods. The conventions are those of `domain.errors`."""

from domain.errors import DomainError, InvalidInputError, NotFoundError


class ItemGroupNotFoundError(NotFoundError):
    """facts: code."""

    code = "item_group_not_found"


class ItemGroupExistsError(DomainError):
    """facts: code."""

    code = "item_group_exists"


class CountBelowPickingError(DomainError):
    """Fewer goods were counted than are being picked (D7-15). facts: sku, counted, picking."""

    code = "count_below_picking"


class GoodsGoneError(DomainError):
    """The reserve shrank a moment ago: there is nothing, or not everything, to pick (D7-15, D8-4)."""

    code = "goods_gone"


class ReassignmentNotFoundError(NotFoundError):
    code = "reassignment_not_found"


class ReassignmentExistsError(DomainError):
    """The same goods were asked for and nobody has answered yet."""

    code = "reassignment_exists"


class ReassignmentDecidedError(DomainError):
    """Somebody decided before, or the request is void. facts: state, by."""

    code = "reassignment_decided"


class OwnReassignmentError(DomainError):
    """Another than its requester and than the manager of the order that gets the goods decides (D8-4, D4-5)."""

    code = "own_reassignment"
    status = 403


class SameOrderError(InvalidInputError):
    """Goods are taken from another order. facts: field."""

    code = "reassignment_same_order"


class OrderOverError(DomainError):
    """An ended order gives and takes nothing. facts: order."""

    code = "reassignment_order_over"


class TakenFromPickingError(DomainError):
    """What is being picked is a hard allocation (D7-16, D8-4). facts: order."""

    code = "reassignment_from_picking"


class TakenFromPaidError(DomainError):
    """Money came for the order: its goods stay (D8-4). facts: order."""

    code = "reassignment_from_paid"


class TakenFromSameClassError(DomainError):
    """Goods go from an ordinary customer to a key customer only (D8-4). facts: order."""

    code = "reassignment_class"


class NotReservedError(DomainError):
    """The order does not hold so much there. facts: order, sku, reserved."""

    code = "reassignment_not_reserved"


class NotNeededError(DomainError):
    """The order does not wait for so much there. facts: order, sku, waiting."""

    code = "reassignment_not_needed"


class SubstituteItselfError(InvalidInputError):
    """A product is offered instead of itself. facts: field, sku."""

    code = "substitute_itself"


class DuplicateSubstituteError(InvalidInputError):
    """The same substitute is named twice. facts: field, sku."""

    code = "duplicate_substitute"
