/* SPDX-License-Identifier: Apache-2.0 */
/* Macros of system headers, which cppcheck does not read. */
#define json_array_foreach(a, i, v) for ((i) = 0; ((v) = json_array_get(a, i)); (i)++)
#define json_object_foreach(o, k, v) while (((k) = json_next_key(o)) && ((v) = json_next_value(o)))
#define json_object_foreach_safe(o, t, k, v) json_object_foreach(o, k, v)
