"""The scripted history that peers record: what they see of the ORM's writes, and what only triggers see."""

from __future__ import annotations

ORM = """
anna = User.objects.create(username="anna")
c = Customer.objects.create(code="A-1", name="Anna"); step()
long = Customer.objects.create(code="x" * 550, name="Long")
t1, t2 = Tag.objects.create(word="red"), Tag.objects.create(word="blau ü"); step()
with who(anna, "by phone"):
    o = Order.objects.create(customer=c, number="1", total=Decimal("1.10"), weight=-0.0, secret="s1"); step()
    o.data = {"a": [1, 2.50, None]}; o.words = ["a", "b,c", None]; o.blob = b"\\x00\\xff"; o.save(); step()
o.data = None; o.weight = float("inf"); o.days = (datetime.date(2024, 1, 1), None); o.save(); step()
o.data = {"pgaudit_log.json": 1}; o.total = Decimal("1.00"); o.fixed = "abc"; o.save(); step()
o.lasts = datetime.timedelta(days=400, seconds=1.5); o.day = datetime.date(1, 1, 1); o.save(); step()
o.hour = datetime.time(23, 59, 59, 999999); o.paper = "a/b.pdf"; o.customer = long; o.save(); step()
p = Order.objects.create(number="2", follows=o); step()
with transaction.atomic(), who(anna, "tags"):
    o.tags.add(t1, t2)
step()
o.tags.remove(t1); step()
p.tags.set([t1]); step()
o.state = "paid"; o.secret = "s2"; o.save(); step()
with transaction.atomic():
    c.name = "Anna B."; c.save()
    o.customer = c; o.save()
    c.name = "Anna C."; c.save()
step()
with who(anna, "deleted by mistake"):
    p.delete()
step()
p = Order.objects.create(id=p.id, number="2 again"); step()
"""

BULK = """
Order.objects.bulk_create([Order(number=f"b{n}", customer=c, total=n) for n in range(20)]); step()
Order.objects.filter(number__startswith="b").update(total=models.F("total") + 1); step()
sql('UPDATE store_order SET "State of it" = %s WHERE number LIKE %s', "raw", "b1%"); step()
with transaction.atomic():
    Order.objects.filter(number="b1").update(total=5)
    Order.objects.filter(number="b2").update(total=6)
    Order.objects.filter(number="b1").update(total=7)
step()
Order.objects.filter(number="b3").delete(); step()
c.delete(); step()
"""
