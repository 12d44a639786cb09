"""Refusals about goods. The conventions are those of `domain.errors`."""

from domain.errors import DomainError, InvalidInputError, NotFoundError


class ItemGroupNotFoundError(NotFoundError):
    """facts: group."""

    code = "item_group_not_found"


class ItemGroupExistsError(DomainError):
    """facts: group."""

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
    """Somebody decided before, or the request is void."""

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


class ExpectedReceiptNotFoundError(NotFoundError):
    code = "expected_receipt_not_found"


class ExpectedReceiptEndedError(DomainError):
    """It is received or cancelled: nothing changes it and nothing comes in on it. facts: number, state."""

    code = "expected_receipt_ended"


class ExpectedElsewhereError(DomainError):
    """Goods come into another warehouse than they are expected in. facts: number, warehouse."""

    code = "expected_elsewhere"


class NotExpectedError(DomainError):
    """Nothing of what came is on the expected receipt. facts: number."""

    code = "not_expected"


class DayPassedError(InvalidInputError):
    """A day on which something is to happen has passed. facts: field, day."""

    code = "day_passed"


class DuplicateDayError(InvalidInputError):
    """The same control date is named twice. facts: field, day."""

    code = "duplicate_day"


class WarehouseNotFoundError(NotFoundError):
    """Nothing has ever lain there. facts: warehouse."""

    code = "warehouse_not_found"


class WarehouseNeededError(DomainError):
    """Goods of several warehouses stand picked, and a shipment leaves one. facts: warehouses."""

    code = "warehouse_needed"


class NothingToPickError(DomainError):
    """A warehouse holds nothing of the order that could be picked. facts: warehouse."""

    code = "nothing_to_pick"


class NothingPickedError(DomainError):
    """A warehouse has picked nothing of the order. facts: warehouse."""

    code = "nothing_picked"


class OverDeliveryNotFreeError(DomainError):
    """What would leave beyond the order is promised to others, or not there (D12-5). facts: sku, picked, free."""

    code = "over_delivery_not_free"


class UnpickAtGateError(DomainError):
    """Goods stand picked before a closed gate: what becomes of them is the head's decision (D12-2)."""

    code = "unpick_at_gate"


class NotShippedYetError(DomainError):
    """Nothing of the order has left: there is no rest to close short (D7-14). facts: status."""

    code = "not_shipped_yet"


class NothingToCloseError(DomainError):
    """Everything named is shipped, picked, or closed already. facts: sku."""

    code = "nothing_to_close"


class ExtensionTooLongError(InvalidInputError):
    """A manager prolongs a reserve by one lifetime at most (D7-10). facts: days, most."""

    code = "extension_too_long"


class ProofNotFoundError(NotFoundError):
    code = "proof_not_found"


class ProofEmptyError(InvalidInputError):
    """The file has no bytes."""

    code = "proof_empty"


class ProofTooLargeError(DomainError):
    """facts: limit."""

    code = "proof_too_large"
    status = 413


class ProofTypeError(DomainError):
    """Neither PDF nor JPEG nor PNG (D7-10)."""

    code = "proof_type"
    status = 415


class NoShortageError(DomainError):
    """Nobody waits for a choice: goods have come, its time is over, or it was made (D7-12)."""

    code = "no_shortage"


class ShortAfterShipmentError(DomainError):
    """Goods of the order have left, so it takes neither a part nor another product (D6-7)."""

    code = "short_after_shipment"


class NothingSetAsideError(DomainError):
    """There is no part of the goods to take (D7-12)."""

    code = "nothing_set_aside"


class NotMissingError(DomainError):
    """The product is all there, or is not in the order. facts: sku, missing."""

    code = "not_missing"


class NotASubstituteError(DomainError):
    """The product is not kept as a substitute of the other (D7-12). facts: sku, substitute, offered."""

    code = "not_a_substitute"


class NoSubstitutesError(DomainError):
    """Nothing is kept that could be taken instead (D7-12). facts: sku, substitute."""

    code = "no_substitutes"


class AlternativeStoppedError(DomainError):
    """Credit stops the order with the substitute (D4-10). facts: reasons, currency, and the figures of the reasons."""

    code = "alternative_stopped"
