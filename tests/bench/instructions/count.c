/* A plugin for qemu's user-mode emulators (plugin API version 1, qemu 4.2 to 8.2) that counts the instructions a program
 * executes, in all and by function. At the program's end it writes one line a function, "INSTRUCTIONS NAME", to the file
 * named by its argument output=NAME. What has no symbol is counted as "?".
 *
 *   qemu-arm -plugin libcount.so,output=counts.txt program.unstripped …
 *
 * Instructions that translate to nothing count as well, as in a real processor; what the kernel does for the program does
 * not. Threads count together; where two run at once a few instructions are lost, because the additions are not atomic. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The part of qemu's plugin API that is used here (https://www.qemu.org/docs/master/devel/tcg-plugins.html). */
typedef uint64_t plugin_id;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum operation { ADD_U64 };
extern void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id, void (*)(plugin_id, struct qemu_plugin_tb *));
extern void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *, enum operation, void *, uint64_t);
extern void qemu_plugin_register_atexit_cb(plugin_id, void (*)(plugin_id, void *), void *);
extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
extern struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
extern const char *qemu_plugin_insn_symbol(const struct qemu_plugin_insn *);

#define EXPORT __attribute__((visibility("default")))
EXPORT int qemu_plugin_version = 1;

/* Nodes never move: translated code holds the address of each counter. */
struct function {
    struct function *next;
    uint64_t instructions;
    char name[];
};

/* A program of 5 MB has some thousand functions that are ever executed. */
#define BUCKETS 4096
static struct function *functions[BUCKETS];
static const char *file;

static struct function *function_named(const char *name)
{
    uint32_t hash = 2166136261u; /* FNV-1a */
    for (const char *at = name; *at; at++)
        hash = (hash ^ (unsigned char)*at) * 16777619u;
    struct function **place = &functions[hash % BUCKETS];
    for (; *place; place = &(*place)->next)
        if (strcmp((*place)->name, name) == 0)
            return *place;
    *place = calloc(1, sizeof(struct function) + strlen(name) + 1);
    if (!*place)
        abort();
    strcpy((*place)->name, name);
    return *place;
}

/* qemu translates one block at a time, under a lock of its own. */
static void translated(plugin_id id, struct qemu_plugin_tb *block)
{
    (void)id;
    for (size_t i = 0; i < qemu_plugin_tb_n_insns(block); i++) {
        struct qemu_plugin_insn *instruction = qemu_plugin_tb_get_insn(block, i);
        const char *symbol = qemu_plugin_insn_symbol(instruction);
        struct function *function = function_named(symbol && *symbol ? symbol : "?");
        qemu_plugin_register_vcpu_insn_exec_inline(instruction, ADD_U64, &function->instructions, 1);
    }
}

static void finished(plugin_id id, void *nothing)
{
    (void)id, (void)nothing;
    FILE *output = fopen(file, "w");
    if (!output) {
        perror(file);
        return;
    }
    for (size_t bucket = 0; bucket < BUCKETS; bucket++)
        for (struct function *function = functions[bucket]; function; function = function->next)
            if (function->instructions)
                fprintf(output, "%llu %s\n", (unsigned long long)function->instructions, function->name);
    fclose(output);
}

EXPORT int qemu_plugin_install(plugin_id id, const void *info, int count, char **arguments)
{
    (void)info;
    for (int i = 0; i < count; i++)
        if (strncmp(arguments[i], "output=", 7) == 0)
            file = arguments[i] + 7;
    if (!file) {
        fputs("count: output=NAME is missing\n", stderr);
        return -1;
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_atexit_cb(id, finished, NULL);
    return 0;
}
