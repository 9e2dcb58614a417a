/* A function whose arguments have types worth a name: for uprobe's args, which come from DWARF. */
#include <stdio.h>

enum color { RED, GREEN = 5 };
struct node { int value; char name[12]; long sum; struct node *next; };

long
visit(struct node *node, short count, const char *text, double ignored, unsigned char last, enum color color)
{
	return node->value + count + text[0] + (long)ignored + last + color;
}

int
main(void)
{
	struct node second = { 2, "second", 20, NULL }, first = { 1, "first", 10, &second };

	return visit(&first, -3, "hello", 1.5, 200, GREEN) == 0;
}
