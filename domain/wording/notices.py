"""Subjects and leading sentences of notices to staff, by name: what `letters.notice` says."""

NOTICES = {
    "order_reserved": (
        "Заказ {order}: товар зарезервирован",
        "{customer}: заказ {order} зарезервирован до {until:moment}",
    ),
    "order_reserved_without_end": (
        "Заказ {order}: товар зарезервирован",
        "{customer}: заказ {order} зарезервирован",
    ),
    "order_part_reserved": (
        "Заказ {order}: товар зарезервирован частично",
        "{customer}: по заказу {order} зарезервировано то, что есть на складе, остальное стоит в очереди",
    ),
    "shortage_lapsed": (
        "Заказ {order} ждёт товара: клиент не ответил",
        "{customer}: как быть с заказом {order}, клиент в срок не выбрал, поэтому заказ ждёт недостающего товара",
    ),
    "order_confirmed": ("Заказ {order} подтверждён", "{customer}: заказ {order} на {amount:money} подтверждён"),
    "approval_asked": (
        "Согласование: заказ {order}, {customer}",
        "{customer}: заказ {order} на {amount:money} ждёт вашего решения до {until:moment}",
    ),
    "approval_reminder": (
        "Напоминание: заказ {order} ждёт решения",
        "{customer}: заказ {order} на {amount:money} всё ещё ждёт вашего решения, до {until:moment}",
    ),
    "approval_asked_for": (
        "Согласование: заказ {order}, {customer}",
        "{customer}: заказ {order} на {amount:money} ждёт вашего решения до {until:moment}. "
        "Вы отвечаете как заместитель ({instead_of})",
    ),
    "approval_reminder_for": (
        "Напоминание: заказ {order} ждёт решения",
        "{customer}: заказ {order} на {amount:money} всё ещё ждёт вашего решения, до {until:moment}. "
        "Вы отвечаете как заместитель ({instead_of})",
    ),
    "approval_decided": ("Заказ {order}: решение принято", "{customer}: заказ {order} — {decision}. {comment}"),
    "approval_decided_silently": ("Заказ {order}: решение принято", "{customer}: заказ {order} — {decision}"),
    "approval_lapsed": (
        "Заказ {order} отклонён: решения не было",
        "{customer}: заказ {order} отклонён, потому что согласование не получено вовремя",
    ),
    "credit_watch": (
        "{customer}: лимит почти исчерпан",
        "{customer}: занято {exposure:money} из лимита {limit:money}",
    ),
    "credit_stopped": (
        "Заказ {order} остановлен",
        "{customer}: заказ {order} остановлен. Чтобы он пошёл дальше, нужно {needed:money}",
    ),
    "credit_stopped_whatever_is_paid": (
        "Заказ {order} остановлен",
        "{customer}: заказ {order} остановлен, оплата остановку не снимет. Кто может её снять, видно в заказе",
    ),
    "reservation_released": (
        "Заказ {order}: резерв снят",
        "{customer}: оплата заказа {order} не поступила, резерв снят. Нужно связаться и выяснить причину",
    ),
    "reservation_kept_silent": (
        "Заказ {order}: резерв продлён на сутки",
        "{customer}: срок резерва по заказу {order} вышел, но сведения о платежах получить не удалось. Резерв продлён "
        "до {until:moment}, больше сам не продлится. Узнайте у клиента, оплачен ли заказ",
    ),
    "reservation_kept_queued": (
        "Заказ {order}: резерв продлён на сутки",
        "{customer}: срок резерва по заказу {order} вышел, но есть платёж клиента, который ещё не разнесён. Резерв "
        "продлён до {until:moment}, больше сам не продлится",
    ),
    "payment_awaited": (
        "Заказ {order}: разнести платёж до снятия резерва",
        "{customer}: по заказу {order} резерв продлён до {until:moment} и больше сам не продлится. Разнесите платёж "
        "клиента до этого срока",
    ),
    "late_price": (
        "Заказ {order}: оплата пришла, срок действия цен истёк",
        "{customer}: заказ {order} оплачен после снятия резерва и после срока действия цен. Сам он дальше не пойдёт: "
        "подтвердите цены и зарезервируйте товар заново, измените заказ или отмените его",
    ),
    "revision_refused": (
        "Заказ {order}: изменение не прошло",
        "{customer}: изменение заказа {order} остановлено кредитной проверкой, прежний заказ в силе",
    ),
    "gate_closed": (
        "Заказ {order} собран, но отгрузка закрыта",
        "{customer}: заказ {order} на {amount:money} собран, отгрузка закрыта. "
        "Решите до {until:moment}: придержать, отгрузить или разобрать",
    ),
    "gate_shut": (
        "Заказ {order}: комплектация не началась",
        "{customer}: заказ {order} готов, но отгрузка закрыта. Посмотрите, почему он стоит",
    ),
    "gate_hold": (
        "Заказ {order}: собранное придержано",
        "{customer}: собранное по заказу {order} придержано. {comment}",
    ),
    "gate_ship": (
        "Заказ {order}: отгрузка разрешена",
        "{customer}: отгрузка заказа {order} разрешена. {comment}",
    ),
    "gate_unpick": (
        "Заказ {order}: собранное разбирается",
        "{customer}: собранное по заказу {order} возвращается на место. {comment}",
    ),
    "unpick_asked": (
        "Заказ {order}: собранное возвращается на место",
        "{customer}: собранное по заказу {order} возвращается в резерв. {comment}",
    ),
    "over_delivered": (
        "Заказ {order}: отгружено больше заказанного",
        "{customer}: по заказу {order} отгружено больше заказанного на {excess:money}, счёт выставлен на отгруженное",
    ),
    "unpicked": (
        "Заказ {order} снова ждёт комплектации",
        "{customer}: отгрузка заказа {order} не открылась, собранное вернулось в резерв",
    ),
    "reassignment_asked": (
        "Решить о передаче резерва заказу {order}",
        "{customer}: {by} просит передать заказу {order} {quantity:quantity} {unit} «{product}» "
        "из резерва заказа {other}. {reason}",
    ),
    "reassignment_rejected": (
        "Заказ {order}: в передаче резерва отказано",
        "{customer}: заказ {order} не получит {quantity:quantity} {unit} «{product}» из резерва заказа {other}. "
        "Решение: {by}. {comment}",
    ),
    "reserve_given": (
        "Заказ {order}: товар передан",
        "{customer}: заказу {order} передано {quantity:quantity} {unit} «{product}» из резерва заказа {other}. "
        "Решение: {by}",
    ),
    "reserve_taken": (
        "Заказ {order}: часть резерва передана другому заказу",
        "{customer}: {quantity:quantity} {unit} «{product}» из резерва заказа {order} передано ключевому клиенту. "
        "Решение: {by}. Заказ теперь первый в очереди обычных клиентов",
    ),
    "goods_counted_away": (
        "Заказ {order}: товара на складе меньше, чем обещано",
        "{customer}: после инвентаризации на складе {warehouse} резерв заказа {order} уменьшился, недостающее ждёт в "
        "очереди. Нужно договориться с клиентом",
    ),
    "picking": ("Собрать заказ {order}", "Заказ {order} готов к комплектации, склад {warehouse}"),
    "quote_expires": (
        "Предложение {order} скоро истечёт",
        "{customer}: предложение {order} действует до {until:moment}",
    ),
    "limit_asked_base": (
        "{customer}: решить об изменении лимита",
        "{customer}: {person} просит базовый лимит {amount:money} с {since:date}. {reason}",
    ),
    "limit_asked_temporary": (
        "{customer}: решить об изменении лимита",
        "{customer}: {person} просит временный лимит {amount:money} с {since:date} по {until:date}. {reason}",
    ),
    "limit_asked_unlimited": (
        "{customer}: решить об изменении лимита",
        "{customer}: {person} просит отгружать без ограничения суммы с {since:date} по {until:date}. {reason}",
    ),
    "limit_asked_policy": (
        "{customer}: решить об особых условиях",
        "{customer}: {person} просит особые кредитные условия с {since:date} по {until:date}. {reason}",
    ),
    "limit_granted_base": (
        "{customer}: новый лимит",
        "{customer}: базовый лимит {amount:money} с {since:date}. Решение: {person}",
    ),
    "limit_granted_temporary": (
        "{customer}: временный лимит",
        "{customer}: временный лимит {amount:money} с {since:date} по {until:date} включительно. Решение: {person}",
    ),
    "limit_granted_unlimited": (
        "{customer}: сумма не ограничена",
        "{customer}: можно отгружать без ограничения суммы с {since:date} по {until:date} включительно. "
        "Решение: {person}",
    ),
    "limit_granted_policy": (
        "{customer}: особые условия",
        "{customer}: особые кредитные условия с {since:date} по {until:date} включительно. Решение: {person}",
    ),
    "limit_rejected": (
        "{customer}: изменение лимита отклонено",
        "{customer}: изменение лимита отклонено. Решение: {person}. {comment}",
    ),
    "limit_revoked": (
        "{customer}: изменение лимита отозвано",
        "{customer}: изменение лимита отозвано, подтверждённые заказы остаются в силе. Решение: {person}. {comment}",
    ),
    "limit_ends_temporary": (
        "{customer}: временный лимит заканчивается",
        "{customer}: временный лимит {amount:money} действует по {until:date} включительно, дальше — {after:money}. "
        "Подтверждённые заказы останутся в силе",
    ),
    "limit_ends_unlimited": (
        "{customer}: сумма скоро снова будет ограничена",
        "{customer}: без ограничения суммы можно отгружать по {until:date} включительно, дальше лимит {after:money}. "
        "Подтверждённые заказы останутся в силе",
    ),
    "limit_ends_policy": (
        "{customer}: особые условия заканчиваются",
        "{customer}: особые кредитные условия действуют по {until:date} включительно",
    ),
    "supply_moved": (
        "Поставка {supply} придёт позже",
        "{supplier}: поставка {supply} ожидается теперь {until:date}. Товар будет позже, чем обещано, для заказов: "
        "{orders}",
    ),
    "supply_cancelled": (
        "Поставка {supply} отменена",
        "{supplier}: поставка {supply} отменена. Товар будет позже, чем обещано, для заказов: {orders}",
    ),
    "supply_late": (
        "Поставка {supply} задерживается",
        "{supplier}: поставка {supply} ожидалась {until:date} и не пришла. Её ждут заказы: {orders}",
    ),
    "dunning_before_due": (
        "{customer}: скоро срок оплаты счёта {invoice}",
        "{customer}: счёт {invoice} на {amount:money} нужно оплатить до {due:date}",
    ),
    "dunning_letter": (
        "{customer}: просрочка {amount:money}",
        "У {customer} просрочка {amount:money}, нужно связаться",
    ),
    "dunning_call": (
        "{customer}: позвонить о просрочке",
        "У {customer} просрочка {amount:money}, {days:days}. Позвоните и запишите результат",
    ),
    "dunning_head": (
        "{customer}: просрочка {days:days}",
        "У {customer} просрочка {amount:money}, {days:days}. Новые отгрузки в долг остановлены",
    ),
    "dunning_legal": (
        "{customer}: дело передано юристу",
        "У {customer} просрочка {amount:money}, {days:days}. Открыто дело {case}",
    ),
}
